"""The plan of the study is one that can be run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
from studies.miniature.cell import Cell
from studies.miniature.plan import cells, folder

from reldistill.config import resolve_config
from reldistill_cli.main import app

PLAN = cells()
COMMANDS = [cell for cell in PLAN if cell.command[2] == "reldistill_cli"]


def test_names_are_names_of_files_and_each_stands_there_once() -> None:
    names = [cell.name for cell in PLAN]
    assert len(set(names)) == len(names)
    assert all(name.replace("-", "").isalnum() for name in names)


def test_each_cell_needs_cells_of_the_plan() -> None:
    names = {cell.name for cell in PLAN}
    for cell in PLAN:
        assert set(cell.needs) <= names, cell.name


@pytest.mark.parametrize("cell", COMMANDS, ids=lambda cell: cell.name)
def test_a_command_has_the_options_that_it_is_given(cell: Cell) -> None:
    command: Any = typer.main.get_command(app)
    words = list(cell.command[3:])
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    command.make_context("minictl", words)


@pytest.mark.parametrize("config", sorted((folder() / "configs").glob("*.toml")), ids=lambda path: path.stem)
def test_a_file_of_options_is_valid(config: Path) -> None:
    assert resolve_config({"config": str(config)}).config.layers == "last"
