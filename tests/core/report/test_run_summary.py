"""What a run folder tells of its run."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from math import inf, nan
from pathlib import Path

import pytest

from reldistill import DataError
from reldistill.report import read_run
from written_runs import trained, validated, write_run


def test_a_run_says_its_last_row_its_last_validation_and_when(tmp_path: Path) -> None:
    rows = [validated(0, 3), trained(1, 2.5), trained(10, 2), validated(10, 2.25), trained(20, 1)]
    run = read_run(write_run(tmp_path / "run", rows, changed=1_000_000_000))
    assert (run.step, run.steps) == (20, 100)
    assert run.last == trained(20, 1)
    assert run.validation == validated(10, 2.25)
    assert run.changed == datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rows", "student", "checkpoints", "state"),
    [
        ([], None, (), "not finished"),
        ([trained(40)], None, (), "not finished"),
        ([trained(40)], None, ("step-00000010", "step-00000030"), "not finished, resumable from step 30"),
        ([trained(40)], None, ("step-00000030.tmp-1a2b",), "not finished"),
        (
            [trained(40)],
            None,
            ("step-00000010", "step-00000030.tmp-1a2b", "other"),
            "not finished, resumable from step 10",
        ),
        ([trained(40)], None, ("step-99999999", "step-100000000"), "not finished, resumable from step 100,000,000"),
        ([trained(100)], None, (), "not finished"),
        ([trained(100)], {}, ("step-00000030",), "finished"),
        ([trained(40)], {}, (), "not finished"),
        (None, {}, (), "finished"),
    ],
)
def test_a_run_is_finished_when_its_student_is_there_and_its_steps_are_done(
    tmp_path: Path, rows: list[dict[str, float]] | None, student: dict[str, str] | None, checkpoints: tuple[str, ...], state: str
) -> None:  # fmt: skip
    assert read_run(write_run(tmp_path / "run", rows, student=student, checkpoints=checkpoints)).state == state


@pytest.mark.parametrize(
    ("teacher", "shown"),
    [("bert-base", "bert-base"), ("owner/name", "owner/name"), ("/models/mine", "mine"), ("../mine/", "mine"), ("~/mine", "mine")],
)  # fmt: skip
def test_a_local_teacher_is_shown_by_its_name(tmp_path: Path, teacher: str, shown: str) -> None:
    assert read_run(write_run(tmp_path / "run", teacher=teacher)).teacher == shown


def test_a_student_whose_plan_cannot_be_read_is_a_student(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", [trained(100)], student={"student": "2x12"})
    (folder / "student" / "distillation.json").write_text("[")
    run = read_run(folder)
    assert run.finished
    assert run.student is not None
    assert run.student.plan == {}


def test_a_value_that_is_not_finite_is_null_in_json(tmp_path: Path) -> None:
    described = read_run(write_run(tmp_path / "run", [trained(1, nan, grad_norm=inf)])).describe()
    assert described["last_step"]["loss"] is None
    assert described["last_step"]["grad_norm"] is None
    assert described["last_step"]["tokens"] == 50


@pytest.mark.parametrize(
    ("config", "cause"),
    [
        (None, "config.toml is not there"),
        ("steps = ", "config.toml cannot be read"),
        ("teacher = 'a'", "config.toml does not say steps"),
        ("steps = 'many'", "config.toml does not say steps"),
        ("steps = true", "config.toml does not say steps"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_named(tmp_path: Path, config: str | None, cause: str) -> None:
    folder = write_run(tmp_path / "run")
    if config is None:
        os.remove(folder / "config.toml")
    else:
        (folder / "config.toml").write_text(config)
    with pytest.raises(DataError, match=cause):
        read_run(folder)


def test_a_configuration_that_is_no_unicode_is_named(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    (folder / "config.toml").write_bytes(b'steps = 1 # \xff"')
    with pytest.raises(DataError, match=r"config\.toml cannot be read"):
        read_run(folder)
