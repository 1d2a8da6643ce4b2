"""``minictl measure``: one row for each student and text, one message for each mistake."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from conftest import MakeTeacher
from reldistill import DistillResult
from reldistill.distillation.measure import SEQUENCES
from reldistill_cli.main import app
from short_runs import configure, run
from tiny_models import make_teacher, make_tokenizer, write_text

MINICTL = (sys.executable, "-c", "from reldistill_cli.main import run; run()")

Measure = Callable[..., Result]


@pytest.fixture
def held_out(here: Path) -> Path:
    return write_text(here / "held-out.txt", 20)


@pytest.fixture
def student(teacher: MakeTeacher, text: Path, here: Path, held_out: Path) -> DistillResult:
    """The last run of this folder."""
    return run(configure(teacher("bert", layers=3), text, validation=(str(held_out),), steps=2))


@pytest.fixture
def measure(teacher: MakeTeacher) -> Measure:
    """``measure("--data", "a.txt")``, with a teacher that later options may replace."""

    def call(*options: object) -> Result:
        always = ["--teacher", teacher("bert", layers=3), "--max-length", 40, "--device", "cpu", "--precision", "fp32"]
        return CliRunner().invoke(app, ["measure", *map(str, [*always, *options])])

    return call


def figures(outcome: Result) -> dict[str, Any]:
    assert outcome.exit_code == 0, outcome.output
    found: dict[str, Any] = json.loads(outcome.stdout)
    return found


def test_json_holds_the_number_of_the_distillation(measure: Measure, student: DistillResult) -> None:
    found = figures(measure("--data", "held-out.txt", "--json"))
    (loss,) = found["losses"]
    expected = student.validation["after"]
    assert {name: loss[name] for name in expected} == pytest.approx(expected, rel=1e-6)
    assert loss["untrained"] == pytest.approx(student.validation["before"]["loss"], rel=1e-6)
    assert loss["share"] == pytest.approx(loss["loss"] / loss["untrained"])
    assert (loss["text"], loss["model"]) == ("held-out.txt", str(student.student))
    assert found["students"][0]["layers"] == [[3, 2, 1.0]]
    assert (found["relation_heads"], found["precision"]) == (12, "fp32")


def test_a_row_for_each_text_and_model_on_stdout_and_what_is_done_on_stderr(
    measure: Measure, student: DistillResult, text: Path, teacher: MakeTeacher
) -> None:
    models = ("--model", student.folder, "--model", teacher("bert", layers=3), "--relation-heads", 4)
    outcome = measure(*models, "--data", "held-out.txt", "--data", text, "--sequences", 30)
    assert outcome.exit_code == 0, outcome.output
    lines = outcome.stdout.splitlines()
    rows = [line.split() for line in lines[lines.index("") + 2 :] if line]
    assert [(row[0], row[1]) for row in rows] == [
        (str(shown), str(model)) for shown in ("held-out.txt", text) for model in (student.folder, teacher("bert", layers=3))
    ]  # fmt: skip
    assert rows[2][2] == "30"
    assert "qq, kk, vv, 4 relation heads" in outcome.stdout
    assert "measuring on held-out.txt" in outcome.stderr
    assert "\x1b" not in outcome.stdout


def test_as_many_sequences_are_drawn_as_by_the_library(measure: Measure, student: DistillResult, here: Path) -> None:
    text = write_text(here / "long.txt", 1_200)
    (loss,) = figures(measure("--data", text, "--no-against-untrained", "--json"))["losses"]
    assert loss["sequences"] == SEQUENCES


def test_a_corpus_is_taken_as_it_is(measure: Measure, student: DistillResult, teacher: MakeTeacher) -> None:
    build = ["data", "build", "held-out.txt", "--teacher", str(teacher("bert", layers=3)), "--output", "corpus"]
    assert CliRunner().invoke(app, [*build, "--max-length", "40"]).exit_code == 0
    of_text, of_corpus = (
        figures(measure("--data", data, "--json"))["losses"][0] for data in ("held-out.txt", "corpus")
    )
    assert of_corpus == of_text | {"text": "corpus"}


def test_a_runs_own_yardstick_is_in_its_configuration(student: DistillResult, held_out: Path) -> None:
    """Also of a run with other relations than the default ones; its own text is not looked at."""
    config = student.folder / "config.toml"
    other = config.read_text().replace('relations = "qq,kk,vv"', 'relations = "kv"').replace("sample.txt", "gone.txt")
    assert other != config.read_text()
    Path("other.toml").write_text(other)
    arguments = ["measure", "--config", "other.toml", "--data", str(held_out), "--no-against-untrained", "--json"]
    found = figures(CliRunner().invoke(app, arguments))
    assert (found["relations"], found["max_length"]) == ({"kv": 1.0}, 40)
    assert "untrained" not in found["losses"][0]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--data", "held-out.txt", "--model", "nowhere/"], 2, "'nowhere/' is neither a folder nor"),
        (["--data", "held-out.txt", "--model", "./nowhere"], 2, "--model ./nowhere: no such folder"),
        (["--data", "held-out.txt", "--model", "other"], 2, "--model other has another tokenizer than bert-layers3"),
        (["--data", "held-out.txt", "--model", "empty"], 2, "it has no config.json"),
        (["--data", "held-out.txt", "--model", "weightless"], 5, "weightless"),
        (["--data", "held-out.txt", "--layers", "7"], 2, "the teacher has no layer 7"),
        (["--data", "held-out.txt", "--layers", "papr"], 2, "Did you mean paper?"),
        (["--data", "held-out.txt", "--relation-heads", "5"], 2, "5 relation heads do not divide"),
        (["--data", "held-out.txt", "--relations", "qx"], 2, "qx"),
        (["--data", "held-out.txt", "--teacher", "./nowhere"], 2, "teacher ./nowhere does not exist"),
        (["--data", "held-out.txt", "--max-length", "512"], 2, "has positions for 64 tokens"),
        (["--data", "nowhere.txt"], 3, "nowhere.txt: no such file or folder"),
        (["--data", "owner/name"], 3, "this machine alone"),
        (["--data", "empty.txt"], 3, "empty.txt"),
        (["--data", ""], 2, "--data is empty"),
    ],
)
def test_a_mistake_is_one_message_with_its_exit_code(
    measure: Measure, student: DistillResult, here: Path, options: list[str], code: int, said: str
) -> None:
    (here / "empty").mkdir()
    (here / "empty.txt").write_text("\n")
    make_tokenizer("roberta").save_pretrained(make_teacher(here / "other", "bert", layers=2, hidden_size=12))
    shutil.copytree(student.student, "weightless", ignore=shutil.ignore_patterns("*.safetensors"))
    outcome = measure(*options)
    assert outcome.exit_code == code, outcome.output
    assert isinstance(outcome.exception, SystemExit)
    assert outcome.stdout == ""
    assert outcome.stderr.count("error: ") == 1
    assert said in outcome.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "Missing option '--data'"),
        (["--data", "a.txt", "--sequences", "-1"], "--sequences"),
        (["--data", "a.txt", "--sequence", "3"], "No such option: --sequence"),
        (["--data", "a.txt", "--relation-heads", "few"], "--relation-heads few"),
    ],
)
def test_a_wrong_option_is_refused(measure: Measure, here: Path, options: list[str], said: str) -> None:
    outcome = measure(*options)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert said in outcome.stderr


def test_without_a_model_and_a_run_the_message_says_what_to_do(measure: Measure, held_out: Path) -> None:
    outcome = measure("--data", held_out)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "no --model given, and runs/latest leads to no student" in outcome.stderr


def test_ctrl_c_ends_it_with_130(student: DistillResult, teacher: MakeTeacher, here: Path) -> None:
    write_text(here / "long.txt", 20_000)
    arguments = ["measure", "--teacher", str(teacher("bert", layers=3)), "--data", "long.txt", "--max-length", "40"]
    one_at_a_time = [*arguments, "--sequences", "0", "--micro-batch-tokens", "1"]
    with subprocess.Popen(
        [*MINICTL, *one_at_a_time], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said = next(line for line in process.stderr if line.startswith("measuring on long.txt"))
        process.send_signal(signal.SIGINT)
        output, rest = process.communicate(timeout=400)
    assert (process.returncode, output) == (130, ""), said + rest
    assert "interrupted" in rest
    assert "Traceback" not in rest


def test_the_help_is_there_without_torch() -> None:
    code = (
        "import sys, typer.main, typer.testing, reldistill_cli.main as cli\n"
        "shown = typer.testing.CliRunner().invoke(cli.app, ['measure', '--help'])\n"
        "print(shown.exit_code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "0 False", done.stderr
