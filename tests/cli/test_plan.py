"""``minictl plan``: figures, problems all at once, and nothing fetched but a configuration."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants
from transformers import BertConfig
from typer.testing import CliRunner, Result

from conftest import MakeTeacher
from hub_stub import HubStub
from reldistill_cli.main import app
from reldistill_loader import tokenize_documents
from rust_loader.small_tokenizers import numbers

OK, USAGE, DATA = 0, 2, 3
MINICTL = (sys.executable, "-c", "from reldistill_cli.main import run; run()")


@pytest.fixture(autouse=True)
def _work_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # As with HF_HUB_OFFLINE=1, which the Hub's client reads when it is imported.
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    """BERT-base as a folder that holds its config.json and nothing else."""
    BertConfig().save_pretrained(tmp_path / "bert-base-here")
    assert [path.name for path in (tmp_path / "bert-base-here").iterdir()] == ["config.json"]
    return tmp_path / "bert-base-here"


def plan(teacher: object, *options: object) -> Result:
    return CliRunner().invoke(app, ["plan", "--teacher", str(teacher), "--device", "cpu", *map(str, options)])


def figures(teacher: object, *options: object) -> dict[str, Any]:
    outcome = plan(teacher, *options, "--json")
    assert outcome.exit_code == OK, outcome.output
    found: dict[str, Any] = json.loads(outcome.stdout)
    return found


def test_json_has_every_figure_of_the_papers_smallest_student_of_bert(bert: Path) -> None:
    found = figures(bert)
    millions = {name: round(value["total"] / 1e6, 1) for name, value in found["parameters"].items()}
    assert millions == {"teacher": 109.5, "teacher_loaded": 103.6, "student": 22.7, "student_trained": 21.2}
    assert found["flops_per_token"]["teacher"] == {
        "embeddings": 0,
        "attention_projections": 11 * 8 * 768**2,
        "attention_products": 11 * 4 * 768 * 512,
        "feed_forward": 11 * 8 * 768**2 * 2,
        "last_projections": 6 * 768**2,
        "total": 11 * (24 * 768**2 + 4 * 768 * 512) + 6 * 768**2,
    }
    forward, backward = found["flops_per_token"]["student_forward"], found["flops_per_token"]["student_backward"]
    assert forward["total"] == 5 * (24 * 384**2 + 4 * 384 * 512) + 6 * 384**2
    assert backward == {part: 2 * value for part, value in forward.items()}
    assert found["flops_per_token"]["loss"]["backward"] == 3 * 2 * 512 * 384
    assert found["memory_bytes"]["student_weights"]["total"] == 4 * found["parameters"]["student"]["total"]
    assert found["memory_bytes"]["adam_moments"]["total"] == 8 * found["parameters"]["student_trained"]["total"]
    assert found["optimizer_bytes_per_step"] == 28 * found["parameters"]["student_trained"]["total"]
    assert (found["relation_heads"], found["steps"], found["tokens"]) == (48, 400_000, 400_000 * 256 * 512)
    assert found["rate"]["flops_per_second"] > 0
    expected = found["rate"]["assumed_share"] * found["rate"]["flops_per_second"] / found["flops_per_token"]["total"]
    assert found["tokens_per_second"] == pytest.approx(expected)
    assert found["seconds"] == pytest.approx(found["tokens"] / expected)
    assert found["problems"] == []


def test_the_tables_fit_80_columns_and_hold_no_escapes_in_a_pipe(bert: Path) -> None:
    outcome = plan(bert, "--student", "3x192", "--precision", "fp32")
    assert outcome.exit_code == OK, outcome.output
    assert outcome.stderr == ""
    assert "\x1b" not in outcome.stdout
    assert max(map(len, outcome.stdout.splitlines())) <= 80
    for part in (
        "3x192: 12 heads, FFN 768", "12 → 3", "qq, kk, vv", "109.48", "attention's scores and values", "feed-forward",
        "teacher's weights, fp32", "Adam's two moments", "measured", "assumed", "tokens/s", "400,000 steps, 52.4 G tokens",
    ):  # fmt: skip
        assert part in outcome.stdout


def test_nothing_is_written(bert: Path) -> None:
    before = sorted(Path().rglob("*"))
    assert plan(bert).exit_code == OK
    assert sorted(Path().rglob("*")) == before


def test_a_teacher_with_weights_and_tokenizer_is_planned_as_well(teacher: MakeTeacher) -> None:
    small = ("--student", "2x12", "--student-heads", 2, "--max-length", 32)
    found = figures(teacher("xlm-r", layers=3), *small, "--relations", "qk=0.5", "--layers", "2", "--steps", 7)
    assert found["layers"] == [[2, 2, 1.0]]
    assert found["relations"] == {"qk": 0.5}
    assert (found["teacher"]["family"], found["steps"]) == ("xlm-r", 7)
    assert found["flops_per_token"]["teacher"]["last_projections"] == 2 * 2 * 24 * 24  # query and key alone


def test_a_default_that_does_not_divide_is_lowered_and_noted(bert: Path) -> None:
    found = figures(bert, "--student", "6x312")
    assert found["relation_heads"] == 24
    assert found["notes"] == ["relation heads: 24, because the default of 48 does not divide the widths 768 and 312"]


def test_a_run_of_no_step_costs_nothing_and_the_figures_are_of_a_step(bert: Path) -> None:
    found = figures(bert, "--steps", 0)
    assert (found["steps"], found["tokens"], found["seconds"]) == (0, 0, 0)
    assert found["flops_per_token"]["total"] > 0
    assert "0 steps: nothing is trained" in plan(bert, "--steps", 0).stdout


def test_a_student_that_cannot_take_over_the_teachers_layers_is_a_problem(bert: Path) -> None:
    assert figures(bert, "--student", "6x768", "--init", "skip")["problems"] == []
    outcome = plan(bert, "--student", "5x768", "--init", "skip")
    assert outcome.exit_code == USAGE
    assert "Possible depths (--student): 1, 2, 3, 4, 6, 12." in outcome.stderr


# ---- lengths --------------------------------------------------------------------------------------------------------


def test_a_mean_length_stands_for_all_sequences(bert: Path) -> None:
    found = figures(bert, "--mean-length", 100)
    assert found["tokens"] == 400_000 * 256 * 100
    assert found["flops_per_token"]["teacher"]["attention_products"] == 11 * 4 * 768 * 100


def test_a_corpus_gives_the_mean_of_lengths_and_of_their_squares(bert: Path) -> None:
    lengths = [number % 97 + 3 for number in range(500)]
    documents = (" ".join(["7"] * (length - 2)) for length in lengths)
    tokenize_documents(documents, numbers(999).to_str(), "corpus", source="numbers", max_length=128)
    found = figures(bert, "--data", "corpus")
    assert found["tokens"] == pytest.approx(400_000 * 256 * sum(lengths) / 500)
    per_token = sum(n * n for n in lengths) / sum(lengths)
    assert found["flops_per_token"]["teacher"]["attention_products"] == pytest.approx(11 * 4 * 768 * per_token)
    too_long = plan(bert, "--data", "corpus", "--max-length", 64)
    assert too_long.exit_code == USAGE
    assert "sequences of up to 128 tokens, --max-length is 64" in too_long.stderr


def test_two_sources_of_lengths_are_refused(bert: Path) -> None:
    outcome = plan(bert, "--data", "corpus", "--mean-length", 100)
    assert (outcome.exit_code, outcome.stdout) == (USAGE, "")
    assert "both --mean-length and --data are given" in outcome.stderr


def test_a_corpus_that_is_not_there_is_a_data_error(bert: Path) -> None:
    assert plan(bert, "--data", "nowhere").exit_code == DATA


# ---- problems -------------------------------------------------------------------------------------------------------


def test_all_problems_are_listed_at_once_beside_the_figures(bert: Path) -> None:
    options = (
        "--student-heads", 11, "--relation-heads", 50, "--max-length", 600, "--mean-length", 601, "--micro-batch-tokens", 10**9,
        "--batch-size", 10**7,
    )  # fmt: skip
    outcome = plan(bert, *options, "--json")
    assert outcome.exit_code == USAGE
    found = json.loads(outcome.stdout)
    expected = (
        "11 attention heads do not divide the student's width 384",
        "50 relation heads do not divide the projection widths of teacher (768) and student (384)\n"
        "These do: 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 384.",
        "--max-length 600: bert-base-here has positions for 512 tokens",
        "--mean-length 601: must be from 1 to --max-length, 600",
        "a step needs about",
    )
    assert len(found["problems"]) == len(expected)
    for problem, part in zip(found["problems"], expected, strict=True):
        assert part in problem
    assert outcome.stderr.startswith("error: 5 problems:\n- 11 attention heads")
    assert found["relation_heads"] is None
    assert found["student"]["attention_heads"] == 11
    assert found["flops_per_token"]["total"] > 0


def test_one_problem_is_said_as_distill_says_it(bert: Path) -> None:
    outcome = plan(bert, "--relation-heads", 50)
    assert outcome.exit_code == USAGE
    assert "50 do not divide the widths" in outcome.stdout
    assert outcome.stderr.startswith("error: 50 relation heads do not divide")


def test_every_unknown_relation_and_a_layer_that_is_not_there_are_named(bert: Path) -> None:
    outcome = plan(bert, "--relations", "qq,zz,yy=0.5", "--layers", "13")
    assert (outcome.exit_code, outcome.stdout) == (USAGE, "")
    for part in ("3 problems", "unknown relation 'zz'", "unknown relation 'yy'", "the teacher has no layer 13"):
        assert part in outcome.stderr


def test_relations_that_stand_there_twice_are_a_problem(bert: Path) -> None:
    outcome = plan(bert, "--relations", "qq,qq")
    assert outcome.exit_code == USAGE
    assert "qq stands there twice" in outcome.stderr


def test_a_configuration_whose_heads_do_not_divide_its_width_is_a_problem(bert: Path) -> None:
    fields = json.loads((bert / "config.json").read_text())
    (bert / "config.json").write_text(json.dumps({**fields, "num_attention_heads": 7}))
    outcome = plan(bert)
    assert outcome.exit_code == USAGE
    assert "its 7 attention heads do not divide its width 768" in outcome.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--student", "6-384"), "--student 6-384: not a shape"),
        (("--precision", "fp8"), "fp8"),
        (("--steps", "-1"), "--steps -1: must be at least 0"),
        (("--learning-rate", "1"), "No such option: --learning-rate"),
        (("--student-hed", "4"), "--student-heads"),
    ],
)
def test_wrong_options_are_usage_errors(bert: Path, options: tuple[str, ...], said: str) -> None:
    outcome = plan(bert, *options)
    assert (outcome.exit_code, outcome.stdout) == (USAGE, "")
    assert said in " ".join(outcome.stderr.replace("│", " ").split())


def test_help_shows_an_example_and_imports_no_torch() -> None:
    program = (
        "import sys; sys.argv = ['minictl', 'plan', '--help']\n"
        "from reldistill_cli.main import run\n"
        "try: run()\n"
        "finally: print('torch' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == OK
    assert done.stderr.strip() == "False"
    assert "minictl plan --teacher bert-base --student 3x192" in " ".join(done.stdout.split())


# ---- teachers of the Hub --------------------------------------------------------------------------------------------


def minictl(environment: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*MINICTL, *options], env=environment, capture_output=True, text=True, timeout=400)


@pytest.mark.slow
def test_of_an_alias_only_the_configuration_is_fetched_and_serves_offline(teacher: MakeTeacher, tmp_path: Path) -> None:
    model = tmp_path / "root" / "models" / "google-bert" / "bert-base-uncased"
    model.parent.mkdir(parents=True)
    model.symlink_to(teacher("bert"))
    arguments = ("plan", "--teacher", "bert-base", "--student", "2x12", "--max-length", "32", "--json")
    with HubStub(tmp_path / "root") as hub:
        online = minictl(hub.environment(tmp_path / "home"), *arguments)
        assert online.returncode == OK, online.stderr
        assert hub.downloads() == ["config.json"]
        offline = minictl(hub.environment(tmp_path / "home", HF_HUB_OFFLINE="1"), *arguments)
        assert offline.returncode == OK, offline.stderr
        text = tmp_path / "own.txt"
        text.write_text("a harbour")
        started = minictl(
            hub.environment(tmp_path / "home", HF_HUB_OFFLINE="1"), "distill", *arguments[1:-1], "--data", str(text)
        )
    assert json.loads(online.stdout)["teacher"] == json.loads(offline.stdout)["teacher"]
    # What a plan fetched is no teacher to distil, and is not taken for one.
    assert started.returncode == USAGE
    assert "missing: tokenizer" in started.stderr


def test_offline_without_a_configuration_one_message_says_how_to_go_on() -> None:
    outcome = plan("bert-base")  # offline, see _work_here
    assert (outcome.exit_code, outcome.stdout) == (USAGE, "")
    assert outcome.stderr.count("error: ") == 1
    for part in ("google-bert/bert-base-uncased", "out of reach", "config.json", "local folder"):
        assert part in outcome.stderr
