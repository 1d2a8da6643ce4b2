"""``minictl plugins list``: what is installed, told without importing it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hostile_plugins import GOOD_RELATION, PluginFolder
from reldistill_cli.main import app

BUILT_IN = ["layers", "relations", "tasks", "teachers"]


@pytest.fixture
def plugins(tmp_path: Path) -> Iterator[PluginFolder]:
    with PluginFolder(tmp_path / "plugins") as folder:
        yield folder


def listed() -> dict[str, Any]:
    outcome = CliRunner().invoke(app, ["plugins", "list", "--json"])
    assert outcome.exit_code == 0
    assert outcome.stderr == ""
    found: dict[str, Any] = json.loads(outcome.stdout)
    return found


def test_the_built_in_plugins_are_listed_with_the_toolkits_version() -> None:
    rows = [row for row in listed()["plugins"] if row["builtin"]]
    assert [row["name"] for row in rows] == BUILT_IN
    assert {(row["distribution"], row["version"]) for row in rows} == {("reldistill", version("reldistill"))}


def test_a_plugin_is_listed_behind_the_built_in_ones_with_all_that_metadata_says(plugins: PluginFolder) -> None:
    plugins.add("mine", GOOD_RELATION.format(name="a"), distribution="My_Plugins", version="1.2rc1")
    assert listed()["plugins"][len(BUILT_IN) :] == [
        {
            "name": "mine", "distribution": "my-plugins", "version": "1.2rc1", "module": "mine_module", "builtin": False,
            "enabled": True,
        }
    ]  # fmt: skip


@pytest.mark.parametrize("entry_point", ["mine_module:plugin", "mine_module : plugin", "mine_module [extra]"])
def test_of_an_entry_point_the_module_is_listed(plugins: PluginFolder, entry_point: str) -> None:
    plugins.add("mine", "", entry_point=entry_point)
    assert listed()["plugins"][-1]["module"] == "mine_module"


def test_a_plugin_that_cannot_be_imported_is_listed(plugins: PluginFolder) -> None:
    plugins.add("broken", "raise RuntimeError")
    assert listed()["plugins"][-1]["name"] == "broken"


def test_what_minictl_plugins_leaves_out_is_listed_as_such(
    plugins: PluginFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins.add("one", "")
    plugins.add("two", "")
    monkeypatch.setenv("MINICTL_PLUGINS", "two")
    found = listed()
    assert found["restriction"] == "two"
    assert {row["name"]: row["enabled"] for row in found["plugins"]} == {
        **dict.fromkeys(BUILT_IN, True),
        "one": False,
        "two": True,
    }
    assert "no (MINICTL_PLUGINS)" in CliRunner().invoke(app, ["plugins", "list"]).stdout


def test_minictl_plugins_with_a_plugin_that_is_not_there_ends_with_4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINICTL_PLUGINS", "other")
    outcome = CliRunner().invoke(app, ["plugins", "list"])
    assert outcome.exit_code == 4
    assert "error: MINICTL_PLUGINS names 'other', which is not installed" in outcome.stderr


def test_of_two_copies_of_a_distribution_the_first_on_the_path_is_listed(plugins: PluginFolder, tmp_path: Path) -> None:
    plugins.add("mine", "", version="1.0")
    with PluginFolder(tmp_path / "newer") as newer:
        newer.add("mine", "", version="2.0")
        assert [row["version"] for row in listed()["plugins"] if row["name"] == "mine"] == ["2.0"]
