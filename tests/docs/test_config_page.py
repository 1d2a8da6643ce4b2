"""The examples and the table on the page are what the command says."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from reldistill.config import PRESETS, Setting, resolve_config
from reldistill_cli.main import app

PAGE = (Path(__file__).parents[2] / "docs" / "config.md").read_text(encoding="utf-8")


def test_the_example_is_what_the_command_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bert.toml").write_text(PAGE.partition("```toml\n")[2].partition("```")[0])
    command, _, shown = PAGE.partition("$ MINICTL_CLIP=0.5 minictl ")[2].partition("\n```")[0].partition("\n")
    outcome = CliRunner(env={"MINICTL_CLIP": "0.5"}).invoke(app, shlex.split(command))
    assert outcome.exit_code == 0, outcome.output
    assert len(shown.splitlines()) > 25
    assert outcome.stdout.startswith(shown + "\n")


def test_the_example_of_an_evaluation_is_what_the_command_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    section = PAGE.partition("## An evaluation\n")[2].partition("\n## ")[0]
    Path("search.toml").write_text(section.partition("```toml\n")[2].partition("```")[0])
    command, _, shown = section.partition("$ MINICTL_EVAL_SEEDS=1,2 minictl ")[2].partition("\n```")[0].partition("\n")
    outcome = CliRunner(env={"MINICTL_EVAL_SEEDS": "1,2"}).invoke(app, shlex.split(command))
    assert outcome.exit_code == 0, outcome.output
    assert len(shown.splitlines()) > 12
    assert outcome.stdout.startswith(shown + "\n")


def test_the_table_of_presets_is_theirs() -> None:
    lines = PAGE.partition("| option | `minilmv2-base`")[2].partition("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]
    names = ("minilmv2-base", "minilmv2-large", "minilmv2-xlmr")
    for column, name in enumerate(names, 1):
        written = {row[0]: row[column].replace(",", "") for row in rows if row[column]}
        assert written == {option: str(v.value).replace(",", "") for option, v in PRESETS[name].values.items()}
    for option, *_, source in rows:
        for name in names:
            if option in PRESETS[name].values:
                assert PRESETS[name].values[option].source.partition(":")[0] in source


def test_the_predecessor_is_described_as_it_is() -> None:
    for option, given in PRESETS["minilm-v1"].values.items():
        assert f'`{option} = "{given.value}"`' in PAGE


def test_the_setting_that_python_shows_is_as_on_the_page() -> None:
    resolved = resolve_config({"preset": "minilm-v1", "teacher": "./my-bert", "steps": 20_000})
    assert resolved.settings["relations"] == Setting("qk,vv", "preset minilm-v1")
    assert f"# {resolved.settings['relations']}" in PAGE
