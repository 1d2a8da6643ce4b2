"""Commands on the pages are commands of the program, with options that it has; those that are cheap run."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from pages_of_docs import PAGES, ROOT, Block, blocks, inline, name
from reldistill_cli.main import app

PROGRAM: Any = typer.main.get_command(app)

CHEAP = (
    "config schema", "config presets", "data build texts/", "data inspect corpus", "data verify corpus", "plugins list",
    "runs list", "runs show latest",
)  # fmt: skip
"""What runs as it stands on a page, in the folder of conftest.py."""

ELLIPSIS = "…"

TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
EXTRAS = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])


def commands(text: str) -> Iterator[str]:
    """Of a block: what stands behind ``$``, or all of it where there is no ``$``; the lines of a long one as one."""
    lines = text.replace("\\\n", " ").splitlines()
    prompted = [line[2:] for line in lines if line.startswith("$ ")]
    yield from prompted or lines


def simple_commands(line: str) -> Iterator[list[str]]:
    """The words of each command of a line, without variables before it and redirections behind it."""
    line = re.sub(r"\$\((.*?)\)", r"; \1 ;", line)
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|<>")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if not set(word) <= set(";&|<>"):
            words.append(word)
            continue
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words.pop(0)
        if words:
            yield words
        words = []


def check_minictl(words: list[str], *, whole: bool) -> None:
    """Hold a command line against the program. ``whole``: nothing is left out, and values are looked at too.

    Raises an error of usage for an option that the command has not, or a value that it does not take.
    """
    command, path, rest = PROGRAM, "minictl", words
    while subcommands := getattr(command, "commands", None):
        context = typer.Context(command, info_name=path)
        _, rest, _ = command.make_parser(context).parse_args(args=list(rest))
        if not rest or rest[0] in (ELLIPSIS, "COMMAND"):
            return
        assert rest[0] in subcommands, f"{path} has no command {rest[0]}"
        command, path, rest = subcommands[rest[0]], f"{path} {rest[0]}", rest[1:]
    context = typer.Context(command, info_name=path)
    _, left, _ = command.make_parser(context).parse_args(args=list(rest))
    left = [word for word in left if word != ELLIPSIS]
    assert not left, f"{path} takes no {left[0]}"
    if not whole or ELLIPSIS in words:
        return
    try:
        command.make_context(path, list(rest))
    except typer.Exit:  # --help
        pass
    except Exception as error:  # Typer's own class of a bad value has no public name
        if "does not exist" not in str(getattr(error, "message", error)):  # the files of an example are not there
            raise


def check(words: list[str]) -> None:
    """Hold a command line against what this repository has."""
    if words[:2] == ["srun", "torchrun"] or words[0] == "torchrun":
        words = ["minictl", *words[words.index("reldistill_cli") + 1 :]]
    if words[0] == "minictl":
        check_minictl(words[1:], whole=True)
    elif words[:2] == ["python", "-m"] and words[2].startswith("docs."):
        assert (ROOT / words[2].replace(".", "/")).with_suffix(".py").is_file()
    elif words[0] == "make":
        assert set(words[1:]) <= TARGETS
    elif words[:2] == ["pip", "install"]:
        extras = re.findall(r"(?:^| )(?:reldistill|\.)\[([\w,]+)\]", " ".join(words[2:]))  # of others nothing is known
        assert {extra for named in extras for extra in named.split(",")} <= EXTRAS


SHELL = [
    b
    for page in PAGES
    for b in blocks(page, "console", "bash", "sh", "")
    if re.search(r"^(\$ |minictl )", b.text, re.M)
]
SHELL += [b for page in PAGES for b in blocks(page, "bash", "sh") if b not in SHELL]


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_the_program_has_what_a_block_asks_for(block: Block) -> None:
    for line in commands(block.text):
        for words in simple_commands(line.partition(" # ")[0] if not line.startswith("#") else ""):
            check(words)


def brought_by_plugins(page: Path) -> set[str]:
    """Commands of plugins that the page shows how to write."""
    files = [tomllib.loads(block.text) for block in blocks(page, "toml")]
    groups = [file.get("project", {}).get("entry-points", {}).get("reldistill.commands", {}) for file in files]
    return {command for group in groups for command in group}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_program_has_what_a_sentence_names(page: Path) -> None:
    others = brought_by_plugins(page)
    for token in inline(page):
        if token.type == "code_inline" and token.content.startswith("minictl "):
            command = shlex.split(token.content)[1]
            if command in others or command == "package:name":
                continue
            # A sentence may leave out what would follow, the value of its last option for one.
            check_minictl([*shlex.split(token.content)[1:], ELLIPSIS], whole=False)


RUN = [b for b in SHELL if any(line.removeprefix("minictl ").startswith(CHEAP) for line in commands(b.text))]


@pytest.mark.parametrize("block", RUN, ids=str)
def test_what_is_cheap_runs(block: Block, page_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "data build" in block.text:
        shutil.rmtree("corpus")
    # The pages' own numbers: here nothing is trained.
    for variable in ("MINICTL_DATA", "MINICTL_STUDENT", "MINICTL_STEPS", "MINICTL_BATCH_SIZE", "MINICTL_MAX_LENGTH"):
        monkeypatch.delenv(variable)
    for line in commands(block.text):
        for words in simple_commands(line):
            if words[0] == "minictl" and " ".join(words[1:]).startswith(CHEAP):
                outcome = CliRunner().invoke(app, expanded(words[1:]))
                assert outcome.exit_code == 0, f"{line}\n{outcome.output}"


def expanded(words: list[str]) -> list[str]:
    """As the shell does: a word with ``*`` becomes the files that it fits."""
    found = ([str(path) for path in sorted(Path().glob(word))] if "*" in word else [word] for word in words)
    return [word for some in found for word in some]


def test_an_option_that_there_is_not_would_be_found() -> None:
    for wrong in (
        "distill --relation qq",
        "config shw",
        "data build a.txt --treads 2",
        "plan extra",
        "plan --steps few",
    ):
        with pytest.raises(Exception, match=r"(?i)no such option|has no command|takes no|valid integer"):
            check_minictl(wrong.split(), whole=True)
