"""Each command on a page is one that the program understands: its name, its options and their values."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from reldistill_cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def commands_of(page: Path) -> list[str]:
    """What follows a prompt in a block, and each `minictl …` in running text that has an option, whole lines joined."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:console|bash|)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    typed = [line.partition("$ ")[2] for line in lines if line.startswith("$ ")]
    inline = re.findall(r"`(minictl [^`]*? --[^`]*)`", text)
    found = [re.search(r"\bminictl ([^|>&#;)]*)", line.replace("\n", " ")) for line in [*typed, *inline]]
    return [match[1].strip() for match in found if match and "…" not in match[0]]


COMMANDS = [(page.relative_to(ROOT).as_posix(), command) for page in PAGES for command in commands_of(page)]


MENTIONED = ("data build", "data verify", "eval")
"""What running text may speak of without all that it needs."""


def test_there_are_commands_to_look_at() -> None:
    assert len(COMMANDS) > 60
    assert any(page == "README.md" for page, _ in COMMANDS)


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_a_command_on_a_page_is_understood(
    page: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [word.rstrip("\\") for word in shlex.split(command)]
    current: Any = typer.main.get_command(app)
    while hasattr(current, "get_command") and words and not words[0].startswith("-"):
        inner = current.get_command(current.context_class(current), words[0])
        assert inner is not None, f"{page}: no command {words[0]!r}"
        current, words = inner, words[1:]
    if hasattr(current, "get_command") or not words:
        return
    try:
        current.make_context("minictl", words)
    except typer.Exit:  # --help
        pass
    except Exception as error:  # Typer's own class of a bad option has no public name
        if type(error).__name__ == "MissingParameter" and command.partition(" --")[0] in MENTIONED:
            return
        said = str(getattr(error, "message", error)) or type(error).__name__
        assert "does not exist" in said, f"{page}: {said}"  # the files of an example are not there
