"""The example on the page is what the command prints."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import BertConfig
from typer.testing import CliRunner

from reldistill.cost.rate import SHAPES
from reldistill_cli.main import app

PAGE = (Path(__file__).parents[2] / "docs" / "plan.md").read_text(encoding="utf-8")


def test_the_example_is_what_the_command_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    BertConfig().save_pretrained("bert-base")  # the sizes of google-bert/bert-base-uncased
    command, _, shown = PAGE.partition("```\n$ minictl ")[2].partition("\n```")[0].partition("\n")
    outcome = CliRunner().invoke(app, command.split())
    assert outcome.exit_code == 0, outcome.output
    printed = [line.rstrip() for line in outcome.stdout.splitlines()]
    lines = shown.splitlines()
    assert len(lines) > 30
    assert printed[: len(lines)] == lines


def test_the_shapes_of_the_measurement_are_named() -> None:
    for shape in SHAPES["cpu"]:
        assert " × ".join(map(str, shape)) in PAGE
