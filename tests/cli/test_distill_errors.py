"""How ``minictl distill`` answers: one message that says what to do, the right exit code, and clean streams."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants
from typer.testing import CliRunner, Result

from conftest import MakeTeacher
from hostile_plugins import PluginFolder
from reldistill_cli.main import app

OK, FAILED, USAGE, DATA, PLUGIN, CHECKPOINT = 0, 1, 2, 3, 4, 5


@pytest.fixture(autouse=True)
def _work_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # As with HF_HUB_OFFLINE=1, which the Hub's client reads when it is imported.
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def run(teacher: MakeTeacher, text: Path) -> Any:
    """``run(steps=3)``: a small run with some options replaced; None leaves one out, True is a flag."""

    def start(**options: object) -> Result:
        chosen: dict[str, object] = {
            "teacher": teacher("bert", layers=3, hidden_size=24), "data": text, "student": "2x12", "student_heads": 2,
            "relation_heads": 4, "max_length": 32, "batch_size": 4, "steps": 2, "device": "cpu", **options,
        }  # fmt: skip
        arguments = ["distill"]
        for name, value in chosen.items():
            if value is not None:
                arguments += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
        return CliRunner().invoke(app, arguments)

    return start


def check_refused(outcome: Result, code: int, *said: str) -> None:
    """One message on stderr, nothing on stdout, no traceback, no run folder."""
    assert outcome.exit_code == code, outcome.output
    assert isinstance(outcome.exception, SystemExit)
    assert outcome.stdout == ""
    assert outcome.stderr.count("error: ") == 1
    for part in said:
        assert part in outcome.stderr
    assert not Path("runs").exists()


# ---- teacher ------------------------------------------------------------------------------------------------------


def test_without_a_teacher_the_ways_to_name_one_are_shown(run: Any) -> None:
    check_refused(run(teacher=None), USAGE, "error: no teacher given\n--teacher bert-base, xlm-r-large")


def test_an_unknown_teacher_is_answered_with_a_suggestion(run: Any) -> None:
    check_refused(run(teacher="bert-basse"), USAGE, "unknown teacher 'bert-basse'", "Did you mean bert-base?")


def test_a_path_that_does_not_exist_is_not_looked_for_on_the_hub(run: Any) -> None:
    check_refused(run(teacher="./models/bert"), USAGE, "teacher ./models/bert does not exist")


def test_a_file_is_no_teacher(run: Any) -> None:
    Path("model.safetensors").touch()
    check_refused(run(teacher="model.safetensors"), USAGE, "teacher model.safetensors is a file, not a folder")


def test_a_folder_without_config_json_is_no_teacher(run: Any) -> None:
    Path("empty").mkdir()
    check_refused(
        run(teacher="empty"), USAGE, "teacher empty: empty has no config.json", "tokenizer.json and *.safetensors"
    )


def test_a_damaged_config_json_is_named(run: Any) -> None:
    Path("broken").mkdir()
    Path("broken/config.json").write_text('{"model_type": "bert",')
    check_refused(run(teacher="broken"), USAGE, "teacher broken: its config.json cannot be read")


def test_a_family_that_no_plugin_serves_is_named_with_those_that_are_served(run: Any) -> None:
    Path("gpt").mkdir()
    Path("gpt/config.json").write_text('{"model_type": "gpt2"}')
    check_refused(run(teacher="gpt"), USAGE, "teacher gpt is a 'gpt2' model", "bert (bert), roberta (roberta)")


def test_a_teacher_of_the_hub_that_cannot_be_fetched_says_how_to_go_on_offline(run: Any) -> None:
    check_refused(
        run(teacher="bert-base"), USAGE, "cannot fetch the model 'google-bert/bert-base-uncased'", "hf download"
    )


def test_a_teacher_without_a_tokenizer_is_a_usage_error(run: Any, teacher: MakeTeacher) -> None:
    shutil.copytree(teacher("bert"), "bare", ignore=shutil.ignore_patterns("*token*", "vocab*"))
    check_refused(run(teacher="bare"), USAGE, "teacher bare")


def test_a_teacher_whose_weights_are_damaged_is_a_checkpoint_error(run: Any, teacher: MakeTeacher) -> None:
    shutil.copytree(teacher("bert"), "damaged")
    Path("damaged/model.safetensors").write_bytes(b"not weights")
    outcome = run(teacher="damaged")
    assert outcome.exit_code == CHECKPOINT
    assert "error: the weights in damaged cannot be read" in outcome.stderr


# ---- method -------------------------------------------------------------------------------------------------------


def test_an_unknown_relation_is_answered_with_those_there_are(run: Any) -> None:
    check_refused(
        run(relations="qq,kq=2,vvv"), USAGE, "unknown relation 'vvv'", "Did you mean vv?", "Allowed: qq, kk, vv"
    )


def test_an_unknown_relation_may_be_that_of_a_plugin_that_failed(run: Any, tmp_path: Path) -> None:
    with PluginFolder(tmp_path / "plugins") as plugins:
        plugins.add("broken", "raise RuntimeError('no licence')")
        check_refused(run(relations="licensed"), PLUGIN, "plugin 'broken' of broken 1.0: RuntimeError: no licence")


def test_relation_heads_that_do_not_divide_the_widths_are_answered_with_those_that_do(run: Any) -> None:
    check_refused(run(relation_heads=5), USAGE, "5 relation heads do not divide", "These do: 1, 2, 3, 4, 6, 12.")


def test_a_default_of_relation_heads_that_does_not_fit_is_replaced_and_announced(run: Any) -> None:
    outcome = run(relation_heads=None, dry_run=True)
    assert outcome.exit_code == OK
    assert "note: relation heads: 12, because the default of 48 does not divide the widths 24 and 12" in outcome.stderr


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ("4", "the teacher has no layer 4\nIts layers are 1 to 3."),
        ("3:3", "the student has no layer 3\nIts layers are 1 to 2."),
        ("2:1", "nothing would train the student's layers above 1"),
        ("2:", "'2:' is not a pair of layers"),
        ("papers", "unknown layer strategy 'papers'\nDid you mean paper?"),
    ],
)
def test_layers_that_cannot_be_meant_are_refused(run: Any, layers: str, said: str) -> None:
    check_refused(run(layers=layers), USAGE, said)


def test_student_heads_that_do_not_divide_the_width_are_answered_with_those_that_do(run: Any) -> None:
    check_refused(
        run(student_heads=5), USAGE, "5 attention heads do not divide", "These do: 1, 2, 3, 4, 6, 12 (--student-heads)"
    )


def test_a_student_that_is_no_shape_is_refused_with_an_example(run: Any) -> None:
    check_refused(run(student="small"), USAGE, "--student small: not a shape", "6x384")


def test_a_length_beyond_the_teachers_positions_is_refused_with_the_longest(run: Any) -> None:
    check_refused(run(max_length=65), USAGE, "has positions for 64 tokens", "Pass --max-length 64 or less.")


def test_a_warm_up_longer_than_the_run_is_refused(run: Any) -> None:
    check_refused(run(warmup=3), USAGE, "--warmup 3 is longer than the run of 2 steps")


# ---- options ------------------------------------------------------------------------------------------------------


def test_an_unknown_option_is_answered_with_the_nearest(run: Any) -> None:
    outcome = run(relation_head=4)
    assert outcome.exit_code == USAGE
    assert "No such option: --relation-head" in outcome.stderr
    assert "--relation-heads" in outcome.stderr


@pytest.mark.parametrize(("option", "value"), [("steps", "many"), ("precision", "fp8"), ("init", "warm")])
def test_a_value_of_the_wrong_kind_names_its_option(run: Any, option: str, value: str) -> None:
    outcome = run(**{option: value})
    assert outcome.exit_code == USAGE
    assert f"Invalid value for '--{option}'" in outcome.stderr


def test_a_number_out_of_range_names_its_option(run: Any) -> None:
    check_refused(run(batch_size=0), USAGE, "error: --batch-size 0: must be at least 1")


def test_an_attention_backend_that_does_not_run_here_is_refused_with_those_that_do(run: Any) -> None:
    check_refused(
        run(attention="flash_attention_2"), USAGE,
        "error: --attention flash_attention_2 does not run here: it needs CUDA, this is cpu", "On cpu these run: native, sdpa, eager.",
    )  # fmt: skip


# ---- data ---------------------------------------------------------------------------------------------------------


def test_data_that_is_not_there_is_a_data_error(run: Any) -> None:
    check_refused(run(data="missing.txt"), DATA, "error: missing.txt: no such file or folder")


@pytest.mark.parametrize(
    ("line", "said"), [('{"text": "cut off', "lines.jsonl:2"), ('{"title": "no text"}', "lines.jsonl:2")]
)
def test_a_broken_record_is_named_by_file_and_line(run: Any, line: str, said: str) -> None:
    Path("lines.jsonl").write_text('{"text": "One sound line."}\n' + line + "\n")
    check_refused(run(data="lines.jsonl"), DATA, said)


def test_data_without_text_is_a_data_error(run: Any) -> None:
    Path("blank.txt").write_text("\n\n")
    check_refused(run(data="blank.txt"), DATA, "blank.txt")


# ---- what is written where ----------------------------------------------------------------------------------------


def test_json_is_one_object_on_stdout_and_nothing_else(run: Any) -> None:
    outcome = run(json=True)
    assert outcome.exit_code == OK
    found = json.loads(outcome.stdout)
    assert set(found) == {"run", "student", "already_there", "parameters", "last_step", "validation", "plan"}
    assert found["last_step"]["step"] == 2
    assert "teacher" in outcome.stderr


def test_json_is_empty_where_the_run_was_refused(run: Any) -> None:
    check_refused(run(json=True, relations="vvv"), USAGE)


def test_a_dry_run_computes_one_batch_and_writes_nothing(run: Any, tmp_path: Path) -> None:
    outcome = run(dry_run=True, json=True)
    assert outcome.exit_code == OK
    found = json.loads(outcome.stdout)
    assert found["dry_run"] is True
    assert found["first_step"]["loss"] > 0
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_finished_is_not_repeated(run: Any) -> None:
    first, second = run(json=True), run()
    student = Path(json.loads(first.stdout)["student"])
    weights = student / "model.safetensors"
    before = weights.stat().st_mtime_ns
    assert second.exit_code == OK
    assert second.stdout == f"this run is finished: {student}\n--overwrite starts it again.\n"
    assert json.loads(run(json=True).stdout)["already_there"] is True
    assert weights.stat().st_mtime_ns == before
    assert json.loads(run(json=True, overwrite=True).stdout)["already_there"] is False


def test_an_option_that_changes_the_result_makes_another_run(run: Any) -> None:
    folders = {json.loads(run(json=True, **more).stdout)["run"] for more in ({}, {"seed": 1}, {"log_every": 1})}
    assert len(folders) == 2


def test_latest_leads_to_the_newest_student(run: Any) -> None:
    found = json.loads(run(json=True, output="elsewhere").stdout)
    assert found["run"] == "elsewhere"
    assert Path("runs/latest/student").resolve() == Path("elsewhere/student").resolve()


def test_an_output_that_is_a_file_is_refused(run: Any) -> None:
    Path("taken").touch()
    check_refused(run(output="taken"), USAGE, "--output taken: taken is a file, not a folder")


# ---- --debug ------------------------------------------------------------------------------------------------------


def test_debug_shows_the_traceback_and_keeps_the_exit_code(teacher: MakeTeacher) -> None:
    outcome = CliRunner().invoke(app, ["--debug", "distill", "--teacher", "bert-basse"])
    assert outcome.exit_code == USAGE
    assert "Traceback (most recent call last)" in outcome.stderr
    assert "error: unknown teacher 'bert-basse'" in outcome.stderr


def test_without_a_command_the_help_is_shown() -> None:
    outcome = CliRunner().invoke(app, [])
    assert outcome.exit_code == USAGE
    assert "distill" in outcome.output


def test_the_version_is_shown() -> None:
    outcome = CliRunner().invoke(app, ["--version"])
    assert outcome.exit_code == OK
    assert outcome.stdout.startswith("minictl (reldistill) ")


def test_the_link_to_the_newest_run_is_no_place_for_a_run(run: Any) -> None:
    check_refused(run(output="runs/latest"), USAGE, "the link to the newest run")


def test_a_folder_with_something_else_in_it_is_left_alone(run: Any) -> None:
    Path("mine").mkdir()
    Path("mine/config.toml").write_text("precious = 1")
    check_refused(run(output="mine"), USAGE, "the folder holds something else than a run")
    assert Path("mine/config.toml").read_text() == "precious = 1"


def test_a_dry_run_finds_an_output_and_a_held_out_text_that_cannot_be(run: Any) -> None:
    Path("taken").touch()
    check_refused(run(dry_run=True, output="taken"), USAGE, "taken is a file")
    Path("empty.txt").touch()
    check_refused(run(dry_run=True, validation="empty.txt"), DATA)


@pytest.mark.parametrize(("option", "value"), [("output", ""), ("micro_batch_tokens", 10**23), ("batch_size", 10**12)])
def test_values_out_of_all_bounds_are_usage_errors(run: Any, option: str, value: object) -> None:
    check_refused(run(**{option: value}), USAGE, f"--{option.replace('_', '-')}")
