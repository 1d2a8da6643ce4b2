"""``minictl probe``: the teacher's layers side by side."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conftest import MakeTeacher
from reldistill import LayerEvidence, UsageError
from reldistill_cli.commands.probe import parse_candidates
from reldistill_cli.main import app
from reldistill_cli.progress import evidence_in_words


@pytest.fixture
def command(teacher: MakeTeacher, text: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("RELDISTILL_CACHE", str(here / "cache"))
    return [
        "probe", "--teacher", str(teacher("bert", layers=2)), "--data", str(text), "--student", "1x12", "--student-heads", "3",
        "--max-length", "40", "--batch-size", "8", "--precision", "fp32", "--probe-steps", "3",
    ]  # fmt: skip


def test_it_shows_each_layer_and_keeps_its_student(command: list[str], here: Path) -> None:
    done = CliRunner().invoke(app, [*command, "--students", "kept"])
    assert done.exit_code == 0, done.output
    assert done.stdout.count("teacher layer") == 2
    assert "alignment" in done.stdout
    assert (here / "kept/layer-01/model.safetensors").is_file()
    assert (here / "kept/layer-02/tokenizer.json").is_file()


def test_json_is_one_object(command: list[str]) -> None:
    done = CliRunner().invoke(app, [*command, "--json", "--candidates", "2"])
    found = json.loads(done.stdout)
    assert [row["teacher_layer"] for row in found["layers"]] == [2]
    assert found["steps"] == 3


def test_a_student_that_is_the_layer_already_has_no_share() -> None:
    assert evidence_in_words(LayerEvidence(3, 0.0, 0.5, (0.25,))) == "relation loss 0.0000 → 0.5000, alignment 0.2500"


@pytest.mark.parametrize(
    ("text", "layers"), [("", ()), ("3", (3,)), ("1-3", (1, 2, 3)), ("1-2, 6", (1, 2, 6)), ("4-4", (4,))]
)
def test_candidates(text: str, layers: tuple[int, ...]) -> None:
    assert parse_candidates(text) == layers


@pytest.mark.parametrize("text", ["a", "3-1", "-2", "1-", "1--2", "1.5", "²", "1-99999999"])
def test_what_is_no_list_of_layers_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no layer and no range"):
        parse_candidates(text)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--candidates", "3"], "layers 1 to 2"),
        (["--candidates", "1,1"], "stands there twice"),
        (["--students", "."], "it is there already"),
        (["--students", f"{__file__}/below"], "nothing can be written below"),
        (["--probe-steps", "0"], "must be at least 1"),
        (["--steps", "0"], "a probe trains"),
    ],
)
def test_a_mistake_is_one_message_and_exit_code_2(command: list[str], options: list[str], said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "reldistill_cli", *command, *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert done.stderr.count("error:") == 1
    assert "Traceback" not in done.stderr


def test_ctrl_c_ends_it_with_130_and_nothing_is_kept(command: list[str], here: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "reldistill_cli", *command, "--probe-steps", "100000", "--students", "kept"],
        stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert process.stderr is not None
    said, give_up = "", time.monotonic() + 300
    while "probe 1/" not in said:
        said += process.stderr.readline()
        assert time.monotonic() < give_up
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "Traceback" not in rest
    assert not (here / "kept").exists()
