"""Each message on the page is one that the command ends with, with the exit code that stands above it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conftest import MakeTeacher
from reldistill.errors import CheckpointError, DataError, PluginError, ReldistillError, Stopped, UsageError
from reldistill_cli.main import app

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"Exit code (\d+):\n\n```console\n\$ minictl (.*)\n((?:.*\n)*?)```", PAGE)


@pytest.mark.parametrize(("code", "command", "message"), EXAMPLES)
def test_the_command_ends_as_it_is_shown(
    here: Path, teacher: MakeTeacher, text: Path, code: str, command: str, message: str
) -> None:
    (here / "my-bert").symlink_to(teacher("bert", positions=512))
    (here / "texts").mkdir()
    (here / "texts" / "a.txt").symlink_to(text)
    ended = CliRunner().invoke(app, shlex.split(command))
    assert ended.exit_code == int(code)
    assert ended.stderr == message


def test_each_exit_code_has_a_row() -> None:
    assert len(EXAMPLES) >= 3
    errors = (ReldistillError, UsageError, DataError, PluginError, CheckpointError, Stopped)
    for code in (0, 130, 143, *(error.exit_code for error in errors)):
        assert f"\n| {code} | " in PAGE
