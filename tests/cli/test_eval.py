from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tomli_w

from conftest import MakeTeacher
from written_tasks import write_rte

MINICTL = Path(sys.executable).with_name("minictl")


def minictl(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([MINICTL, *map(str, arguments)], capture_output=True, text=True, timeout=400)


@pytest.fixture
def options(teacher: MakeTeacher, here: Path) -> list[object]:
    data = write_rte(here / "data")
    return [
        "--model", teacher("bert"), "--data-dir", data, "--learning-rates", "1e-3", "--epochs", 1, "--seeds", "1,2",
        "--max-length", 40, "--output", "out", "--device", "cpu",
    ]  # fmt: skip


def test_scores_are_shown_and_with_json_are_one_object(options: list[object]) -> None:
    shown = minictl("eval", "rte", *options)
    assert shown.returncode == 0, shown.stderr
    assert "accuracy" in shown.stdout
    assert "rte lr0.001-epochs1-seed1: accuracy" in shown.stderr
    again = minictl("eval", "rte", *options, "--json")
    (result,) = json.loads(again.stdout)["results"]
    assert result["already_there"]
    assert f"{result['scores']['dev']['accuracy']['median']:.2f}" in shown.stdout


def test_an_evaluation_is_told_by_file_and_environment_and_flags_go_before_them(
    options: list[object], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = dict(zip(map(str, options[::2]), options[1::2], strict=True))
    (here / "options.toml").write_text(
        tomli_w.dumps(
            {
                "model": str(values["--model"]), "data_dir": str(values["--data-dir"]), "max_length": 40, "output": "out",
                "device": "cpu", "learning_rates": [0.25], "epochs": [1], "seeds": [1, 2, 3], "languages": ["all"],
            }
        )
    )  # fmt: skip
    monkeypatch.setenv("MINICTL_EVAL_SEEDS", "2")
    monkeypatch.setenv("MINICTL_EVAL_LEARNING_RATES", "0.5")
    monkeypatch.setenv("MINICTL_BATCH_SIZE", "2")
    done = minictl("eval", "rte", "--config", "options.toml", "--learning-rates", "1e-3", "--json")
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    assert [cell["cell"] for cell in result["grid"]] == ["lr0.001-epochs1-seed2"]
    assert (result["protocol"]["max_length"], result["protocol"]["batch_size"]) == (40, 32)


@pytest.mark.slow
def test_processes_share_the_cells_and_the_result_is_that_of_one(options: list[object], here: Path) -> None:
    shared = minictl("eval", "rte", *options, "--nproc", 2, "--json")
    assert shared.returncode == 0, shared.stderr
    options[options.index("out")] = "alone"
    alone = minictl("eval", "rte", *options, "--json")
    first, second = (json.loads(done.stdout)["results"][0]["scores"] for done in (shared, alone))
    assert first == second


@pytest.mark.slow
def test_a_signal_ends_it_with_75_and_the_same_command_does_the_rest(options: list[object], here: Path) -> None:
    longer = [*options, "--batch-size", 2, "--epochs", 10, "--seeds", "1,2,3,4,5,6"]
    words = [str(MINICTL), "eval", "rte", *map(str, longer)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 300
        while not list((here / "out").glob("*/cells/*.json")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        output, said = process.communicate(timeout=300)
    assert (process.returncode, output) == (75, "")
    assert "of 6 fine-tuning runs of rte are finished. The same command goes on from there." in said
    rest = minictl("eval", "rte", *longer, "--json")
    assert "finished before" in rest.stderr
    assert len(json.loads(rest.stdout)["results"][0]["grid"]) == 6


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["rta"], 2, "Did you mean rte?"),
        (["glu"], 2, "Did you mean glue?"),
        (["rte", "--seeds", "one"], 2, "--seeds one: must be whole numbers"),
        (["rte", "--seeds", "1,1"], 2, "--seeds 1,1: one twice"),
        (["rte", "--languages", "en,all"], 2, "--languages en,all: all stands alone"),
        (["rte", "--languages", "fr"], 2, "rte has no rows in 'fr'"),
        (["rte", "--config", "nowhere.toml"], 2, "nowhere.toml: there is no such file"),
        (["rte", "--learning-rates", "30"], 2, "below 1"),
        (["rte", "glue"], 2, "named twice"),
        (["mrpc"], 3, "msr_paraphrase_train.txt"),
    ],
)
def test_a_mistake_is_one_message_with_its_exit_code(
    options: list[object], arguments: list[str], code: int, said: str
) -> None:
    done = minictl("eval", arguments[0], *options, *arguments[1:])  # the last of an option counts
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.count("error:") == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_help_is_there_without_torch() -> None:
    code = (
        "import sys, typer.main, typer.testing, reldistill_cli.main as cli\n"
        "shown = typer.testing.CliRunner().invoke(cli.app, ['eval', '--help'])\n"
        "print(shown.exit_code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "0 False", done.stderr
