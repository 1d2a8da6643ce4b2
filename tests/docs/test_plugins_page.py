"""The pages of plugins hold the hooks' own examples, and what stands there runs."""

from __future__ import annotations

import inspect
import os
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import typer
from safetensors.torch import load_file
from typer.testing import CliRunner

from conftest import MakeTeacher
from hostile_plugins import PluginFolder
from reldistill import PLUGIN_API, Registry, hookspecs
from reldistill.registry import COMMANDS, Catalogue
from reldistill_cli.main import app

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {name: (DOCS / name).read_text(encoding="utf-8") for name in ("plugins.md", "plugin-api.md")}
PAGE = PAGES["plugins.md"]
HOOKS = [name for name in hookspecs.__all__ if name.startswith("reldistill_")]


def blocks(language: str) -> list[Any]:
    """All blocks of both pages, each with its place for the test's name."""
    found = []
    for name, page in PAGES.items():
        for match in re.finditer(rf"^```{language}\b.*?\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
            line = page[: match.start()].count("\n") + 1
            found.append(pytest.param(match[1], id=f"{name}:{line}"))
    return found


def sections() -> dict[str, str]:
    """Heading -> text."""
    parts = re.split(r"^## (.+)$", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


# ---- the hooks ----------------------------------------------------------------------------------------------------


def test_the_table_has_every_hook_and_no_other() -> None:
    assert re.findall(r"^\| `(reldistill_\w+)` \|", PAGE, re.MULTILINE) == [
        "reldistill_relations",
        "reldistill_layer_strategies",
        "reldistill_teachers",
        "reldistill_tasks",
    ]
    assert set(re.findall(r"^\| `(reldistill_\w+)` \|", PAGE, re.MULTILINE)) == set(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_each_hook_has_a_section_with_the_example_of_its_hookspec(hook: str) -> None:
    example = dedent((inspect.getdoc(getattr(hookspecs, hook)) or "").partition("::\n\n")[2]).strip("\n")
    assert f"def {hook}" in example
    holding = [text for text in sections().values() if f"def {hook}" in text]
    assert len(holding) == 1
    assert f"```python\n{example}\n```" in holding[0], (
        f"the page's example is not that of hookspecs.{hook}: copy it from there"
    )


def test_the_sections_come_in_this_order() -> None:
    headings = list(sections())
    order = ["A relation", "A layer strategy", "A family of teachers", "A task", "A command"]
    places = [headings.index(heading) for heading in order]
    assert places == sorted(places)
    assert headings[-1] == "What a plugin can rely on, and what it cannot break"


# ---- blocks of code -----------------------------------------------------------------------------------------------


@pytest.fixture
def plugins(tmp_path: Path) -> Iterator[PluginFolder]:
    with PluginFolder(tmp_path / "plugins") as folder:
        (folder.path / "my_package").mkdir()
        for file in ("__init__.py", "relations.py"):  # whose tests the page shows
            (folder.path / "my_package" / file).touch()
        yield folder


@pytest.mark.parametrize("code", blocks("python"))
def test_python_on_the_pages_runs_and_is_a_plugin_where_it_fulfils_hooks(plugins: PluginFolder, code: str) -> None:
    plugins.add("on-the-page", code)
    warnings: list[str] = []
    registry = Registry.installed(warn=warnings.append)
    assert warnings == []
    catalogues: dict[str, Catalogue[Any]] = {
        "reldistill_relations": registry.relations, "reldistill_layer_strategies": registry.layer_strategies,
        "reldistill_teachers": registry.teachers, "reldistill_tasks": registry.tasks,
    }  # fmt: skip
    for hook in HOOKS:
        given = [provided for provided in catalogues[hook] if provided.source.name == "on-the-page"]
        assert bool(given) is (f"def {hook}(" in code), hook


@pytest.mark.parametrize("text", blocks("toml"))
def test_toml_on_the_pages_is_that_of_a_package(text: str) -> None:
    project = tomllib.loads(text)["project"]
    for group, points in project.get("entry-points", {}).items():
        assert group in (hookspecs.PROJECT, COMMANDS)
        assert all(re.fullmatch(r"my_package(\.\w+)*(:\w+)?", module) for module in points.values())


def commands() -> list[str]:
    """Each ``minictl …`` of the pages: lines of blocks, and words in the text that are options or commands."""
    found: list[str] = []
    for page in PAGES.values():
        for block in re.findall(r"^```(?:console|sh|bash|shell)\b.*?\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
            lines = block.replace("\\\n", " ").splitlines()
            found += [line.removeprefix("$ ") for line in lines if re.match(r"(\$ )?(\w+=\S* )*minictl\b", line)]
        found += re.findall(r"`(minictl [^`]+)`", page)
    return list(dict.fromkeys(found))


EXAMPLES = ("parameters", "package:name", "NAME", "…")
"""What the pages call a command of a plugin."""


@pytest.mark.parametrize("line", commands())
def test_commands_on_the_pages_exist_with_their_options(line: str) -> None:
    words = shlex.split(line)[shlex.split(line).index("minictl") + 1 :]
    command: Any = typer.main.get_command(app)
    with typer.Context(command, info_name="minictl") as ctx:
        while words and not words[0].startswith("-") and hasattr(command, "list_commands"):
            if words[0] in EXAMPLES:
                return
            command = command.get_command(ctx, words.pop(0))
            assert command is not None, f"there is no such command: {line}"
        options = {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {
            "--help",
            "-h",
        }
    assert {word.partition("=")[0] for word in words if word.startswith("-")} <= options


def test_options_that_the_table_names_exist() -> None:
    command: Any = typer.main.get_command(app)
    options = {name for option in command.commands["distill"].params for name in option.opts}
    assert {"--relations", "--layers", "--teacher"} <= options
    assert set(re.findall(r"^\| `reldistill_\w+` \|.*\| `(--\w+)` \|$", PAGE, re.MULTILINE)) <= options


# ---- the command --------------------------------------------------------------------------------------------------


def test_the_command_of_the_page_works_as_the_page_says(
    plugins: PluginFolder, teacher: MakeTeacher, here: Path
) -> None:
    section = sections()["A command"]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    (text,) = re.findall(r"```toml\n(.*?)```", section, re.DOTALL)
    ((name, entry_point),) = tomllib.loads(text)["project"]["entry-points"]["reldistill.commands"].items()
    plugins.add_command(name, code, summary="Sizes", entry_point=":" + entry_point.partition(":")[2])

    folder = teacher("bert")
    count = sum(tensor.numel() for tensor in load_file(folder / "model.safetensors").values())
    outcome = CliRunner().invoke(app, [name, str(folder)])
    assert (outcome.exit_code, outcome.stdout) == (0, f"{count:,} parameters\n")
    assert f"minictl {name}" in section
    assert "Sizes (parameters 1.0)" in CliRunner().invoke(app, ["--help"]).stdout
    refused = CliRunner().invoke(app, [name, os.fspath(here)])
    assert refused.exit_code == 2
    assert "holds no student" in refused.stderr


def test_the_page_states_the_seconds_that_are_slow() -> None:
    from reldistill.registry.registry import SLOW

    assert f"more than {SLOW:.0f} seconds to load" in " ".join(PAGE.split())


def test_the_pages_name_the_api_there_is() -> None:
    assert f"reldistill_api = {PLUGIN_API}\n" in PAGES["plugin-api.md"]
