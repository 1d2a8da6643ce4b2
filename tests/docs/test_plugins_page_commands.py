"""What the page of plugins shows of ``plugins new`` and ``plugins show`` is what they print."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from reldistill_cli.main import app
from reldistill_cli.plugin_package import PackageName, package_files
from reldistill_cli.plugin_use import KINDS, Kind

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")

SHOWN = re.findall(r"^```console\n\$ minictl (plugins (?:new|show) [^\n]*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("command", "printed"), SHOWN, ids=[command for command, _ in SHOWN])
def test_what_the_page_shows_is_printed(command: str, printed: str, here: Path) -> None:
    outcome = CliRunner().invoke(app, command.split())
    assert outcome.exit_code == 0, outcome.output
    assert outcome.stdout.rstrip() == printed.rstrip().replace(
        "reldistill 0.1.0", f"reldistill {version('reldistill')}"
    )


def test_both_commands_are_shown() -> None:
    assert {command.split()[1] for command, _ in SHOWN} == {"new", "show"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_has_a_row_for_each_kind_with_a_formula_of_its_template(kind: Kind) -> None:
    (row,) = re.findall(rf"^\| `{kind}` \|.*", PAGE, re.MULTILINE)
    module = package_files(PackageName("kelp-lamp"), kind)["src/kelp_lamp/__init__.py"]
    formulas = re.findall(r"`([^`]*=[^`]*)`", row)
    assert all(formula in module for formula in formulas)
    assert formulas or "accuracy and F1" in row
