"""A run that was interrupted ends with the very student that it would have made."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch

from conftest import MakeTeacher
from reldistill import CheckpointError, DistillConfig, ReldistillError, UsageError
from reldistill.distillation import run as run_module
from reldistill.distillation.metrics_file import MetricsFile
from reldistill.distillation.objective import Objective
from reldistill.errors import Stopped
from reldistill.stop import Stop
from reldistill_loader import CorpusError
from short_runs import Listener, configure, go_on, outcome, rows, run, stop_behind
from tiny_models import write_text


@pytest.fixture
def config(teacher: MakeTeacher, text: Path, here: Path) -> DistillConfig:
    """Several epochs of 120 sequences, each batch in several parts, with dropout, with held-out text."""
    held_out = write_text(here / "held-out.txt", 20)
    return configure(
        teacher("bert", layers=3), text, validation=(str(held_out),), validate_every=7, micro_batch_tokens=60, log_every=1,
        relation_heads=12, output=str(here / "interrupted"),
    )  # fmt: skip


@pytest.fixture
def uninterrupted(config: DistillConfig, here: Path) -> tuple[bytes, list[dict[str, Any]]]:
    return outcome(run(replace(config, output=str(here / "uninterrupted"))))


def test_a_run_that_was_stopped_twice_gives_the_same_bytes(
    config: DistillConfig, uninterrupted: tuple[bytes, list[dict[str, Any]]]
) -> None:
    stop_behind(config, 9)
    stop_behind(config, 17)
    result, listener = go_on(config)
    assert listener.resumed_at == 17
    assert listener.notes == []
    assert outcome(result) == uninterrupted
    assert result.validation["before"]["loss"] == rows(result)[0]["validation/loss"]


@pytest.mark.parametrize("calls", [25, 100, 131])
def test_a_stop_in_the_middle_of_an_accumulation_takes_the_batch_back(
    config: DistillConfig,
    uninterrupted: tuple[bytes, list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
    calls: int,
) -> None:
    stop, count, original = Stop(), 0, Objective.__call__

    def count_and_stop(self: Objective, *inputs: Any) -> Any:
        nonlocal count
        count += 1
        if count == calls:
            stop.request()
        return original(self, *inputs)

    monkeypatch.setattr(Objective, "__call__", count_and_stop)
    with pytest.raises(Stopped) as stopped:
        run(config, stop=stop)
    monkeypatch.undo()
    result, listener = go_on(config)
    assert listener.resumed_at == stopped.value.saved_step
    assert outcome(result) == uninterrupted


@pytest.mark.parametrize("part", [1, 2])
def test_a_stop_in_a_validation_repeats_it_and_leaves_one_row(
    config: DistillConfig,
    uninterrupted: tuple[bytes, list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
    part: int,
) -> None:
    stop, count, original = Stop(), 0, Objective.__call__

    def stop_in_evaluation(self: Objective, student: Any, *inputs: Any) -> Any:
        nonlocal count
        count += not student.training and torch.is_grad_enabled() is False
        if count == 14 + part:  # the first validation has some parts, too
            stop.request()
        return original(self, student, *inputs)

    monkeypatch.setattr(Objective, "__call__", stop_in_evaluation)
    with pytest.raises(Stopped):
        run(config, stop=stop)
    monkeypatch.undo()
    assert outcome(go_on(config)[0]) == uninterrupted


@pytest.mark.parametrize("step", [8, 16])
def test_a_stop_while_a_checkpoint_is_saved_ends_the_run_behind_it(
    config: DistillConfig, uninterrupted: tuple[bytes, list[dict[str, Any]]], step: int
) -> None:
    frequent, stop = replace(config, checkpoint_every=8), Stop()

    class StopsWhileSaving(Listener):
        def saved(self, at: int, seconds: float) -> None:
            if at == step:
                stop.request()

    with pytest.raises(Stopped) as stopped:
        run(frequent, StopsWhileSaving(), stop)
    assert stopped.value.saved_step == step
    assert outcome(go_on(frequent)[0]) == uninterrupted


def test_a_stop_behind_the_last_step_no_longer_stops(config: DistillConfig) -> None:
    stop = Stop()

    class StopsAtTheEnd(Listener):
        def saved(self, at: int, seconds: float) -> None:
            stop.request()

    assert run(replace(config, checkpoint_every=1000), StopsAtTheEnd(), stop).student.is_dir()


def test_a_damaged_checkpoint_is_passed_over_and_the_result_is_the_same(
    config: DistillConfig, uninterrupted: tuple[bytes, list[dict[str, Any]]], here: Path
) -> None:
    frequent = replace(config, checkpoint_every=4)
    stop_behind(frequent, 10)
    newest = here / "interrupted" / "checkpoints" / "step-00000010" / "optimizer.safetensors"
    newest.write_bytes(newest.read_bytes()[:100])
    result, listener = go_on(frequent)
    assert listener.resumed_at == 8
    assert any("step-00000010 is passed over" in note and "optimizer.safetensors" in note for note in listener.notes)
    assert outcome(result) == uninterrupted


def test_where_no_checkpoint_is_whole_the_run_is_refused_until_it_may_start_again(
    config: DistillConfig, uninterrupted: tuple[bytes, list[dict[str, Any]]], here: Path
) -> None:
    stop_behind(config, 5)
    (here / "interrupted" / "checkpoints" / "step-00000005" / "state.json").unlink()
    with pytest.raises(CheckpointError, match=r"no checkpoint in .* is whole"):
        run(config)
    result, listener = go_on(replace(config, resume="never"))
    assert listener.resumed_at is None
    assert outcome(result) == uninterrupted


def test_checkpoints_come_as_often_and_stay_as_many_as_asked_for(config: DistillConfig, here: Path) -> None:
    listener = Listener()
    run(replace(config, checkpoint_every=8, keep=3), listener)
    assert listener.saved_at == [8, 16, 24, 30]
    found = sorted(path.name for path in (here / "interrupted" / "checkpoints").iterdir())
    assert found == ["step-00000016", "step-00000024", "step-00000030"]


def test_a_checkpoint_holds_nothing_of_the_teacher_and_no_pickle(config: DistillConfig, here: Path) -> None:
    stop_behind(config, 3)
    folder = here / "interrupted" / "checkpoints" / "step-00000003"
    assert {path.name for path in folder.iterdir()} == {
        "MANIFEST.json", "student.safetensors", "optimizer.safetensors", "random.safetensors", "state.json",
    }  # fmt: skip
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    assert manifest["recipe"]["plan"]["relation_heads"] == 12
    assert manifest["environment"]["torch"] == version("torch")
    assert str(here) not in (folder / "MANIFEST.json").read_text()


def test_an_option_that_alters_the_result_is_refused_with_the_difference(config: DistillConfig) -> None:
    stop_behind(config, 5)
    changed = replace(config, learning_rate=1e-3, relations="qq,kk")
    with pytest.raises(UsageError, match="differs in what alters the result") as refused:
        run(changed)
    assert "learning_rate: 0.005 then, 0.001 now" in str(refused.value)
    assert "--accept-changes" in str(refused.value)
    result, listener = go_on(replace(changed, relations="qq,kk,vv", accept_changes=True))
    assert listener.resumed_at == 5
    assert any("learning_rate: 0.005 then, 0.001 now" in note for note in listener.notes)
    rates = {row["step"]: row["learning_rate"] for row in rows(result) if "loss" in row}
    assert rates[6] == pytest.approx(1e-3 * 25 / 27)
    assert rates[30] == pytest.approx(1e-3 * 1 / 27)


def test_a_longer_run_goes_on_from_a_shorter_ones_checkpoint(config: DistillConfig) -> None:
    stop_behind(config, 5)
    result, listener = go_on(replace(config, steps=40, accept_changes=True))
    assert listener.resumed_at == 5
    logged = [row for row in rows(result) if "loss" in row]
    assert [row["step"] for row in logged] == list(range(1, 41))
    assert logged[-1]["learning_rate"] == pytest.approx(5e-3 / 36)


def test_other_tokens_at_once_hold_where_they_are_asked_for(config: DistillConfig) -> None:
    stop_behind(config, 5)
    result, _ = go_on(replace(config, micro_batch_tokens=400, accept_changes=True))
    state = json.loads((result.folder / "checkpoints/step-00000030/state.json").read_text())
    assert state["trainer"]["micro_batch_tokens"] == {"asked": 400, "used": 400}


def test_an_option_that_alters_nothing_may_change(
    config: DistillConfig, uninterrupted: tuple[bytes, list[dict[str, Any]]]
) -> None:
    stop_behind(replace(config, log_every=3), 5)
    assert outcome(go_on(replace(config, log_every=2))[0])[0] == uninterrupted[0]


def test_another_student_or_other_text_is_refused_even_where_changes_are_accepted(
    config: DistillConfig, here: Path
) -> None:
    stop_behind(config, 5)
    with pytest.raises(CheckpointError, match="of another student"):
        run(replace(config, student="2x24", relation_heads=12, accept_changes=True))
    other = write_text(here / "other.txt", 50)
    with pytest.raises(CorpusError):
        run(replace(config, data=(str(other),), accept_changes=True))


def test_a_run_begins_from_another_ones_checkpoint_and_then_goes_on_from_its_own(
    config: DistillConfig, uninterrupted: tuple[bytes, list[dict[str, Any]]], here: Path
) -> None:
    stop_behind(config, 6)
    other = replace(config, output=str(here / "other"), resume=str(here / "interrupted"))
    stop_behind(other, 11)
    result, listener = go_on(other)
    assert listener.resumed_at == 11
    assert outcome(result)[0] == uninterrupted[0]


def test_a_named_checkpoint_of_the_same_run_is_gone_back_to(
    config: DistillConfig, uninterrupted: tuple[bytes, list[dict[str, Any]]], here: Path
) -> None:
    frequent = replace(config, checkpoint_every=4)
    stop_behind(frequent, 10)
    result, listener = go_on(replace(frequent, resume=str(here / "interrupted" / "checkpoints" / "step-00000008")))
    assert listener.resumed_at == 8
    assert outcome(result) == uninterrupted


@pytest.mark.parametrize("path", ["nowhere", "interrupted/metrics.jsonl", "."])
def test_a_path_without_a_checkpoint_is_refused(config: DistillConfig, path: str) -> None:
    stop_behind(config, 2)
    with pytest.raises(UsageError, match="there is no checkpoint"):
        run(replace(config, resume=path))


def test_another_number_of_threads_is_announced(config: DistillConfig) -> None:
    stop_behind(config, 2)
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    try:
        _, listener = go_on(config)
    finally:
        torch.set_num_threads(before)
    assert any(f"threads: {before} then, {before + 1} now" in note for note in listener.notes)


def test_a_run_that_takes_the_place_of_a_finished_one_goes_on_when_interrupted(
    config: DistillConfig, uninterrupted: tuple[bytes, list[dict[str, Any]]], here: Path
) -> None:
    run(config)
    again = replace(config, overwrite=True)
    stop_behind(again, 4)
    assert not (here / "interrupted" / "student").exists()
    assert (here / "interrupted" / "student.replaced" / "model.safetensors").is_file()
    result, listener = go_on(again)
    assert listener.resumed_at == 4
    assert outcome(result) == uninterrupted
    assert not (here / "interrupted" / "student.replaced").exists()


def test_two_runs_do_not_share_a_folder(config: DistillConfig, here: Path) -> None:
    (here / "interrupted").mkdir()
    with (
        MetricsFile(here / "interrupted" / "metrics.jsonl"),
        pytest.raises(ReldistillError, match="another process is at work on the run"),
    ):
        run(config)
    run(config)


def torn(metrics: Path) -> None:
    metrics.write_bytes(metrics.read_bytes() + b'{"step": 99, "lo')


def lost(metrics: Path) -> None:
    metrics.write_bytes(metrics.read_bytes()[:-7])


@pytest.mark.parametrize("damage", [torn, lost])
def test_a_torn_line_of_the_metrics_does_not_stay(
    config: DistillConfig,
    uninterrupted: tuple[bytes, list[dict[str, Any]]],
    here: Path,
    damage: Callable[[Path], None],
) -> None:
    stop_behind(replace(config, checkpoint_every=4), 10)
    shutil.rmtree(here / "interrupted" / "checkpoints" / "step-00000010")
    damage(here / "interrupted" / "metrics.jsonl")
    assert outcome(go_on(config)[0]) == uninterrupted


def test_what_another_process_finished_meanwhile_is_not_undone(
    config: DistillConfig,
    uninterrupted: tuple[bytes, list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
    here: Path,
) -> None:
    stop_behind(config, 5)
    original = run_module._set_up

    def another_is_faster(*inputs: Any) -> Any:
        monkeypatch.undo()
        monkeypatch.chdir(here)
        run(config)
        return original(*inputs)

    monkeypatch.setattr(run_module, "_set_up", another_is_faster)
    with pytest.raises(ReldistillError, match="another process has just been at work"):
        run(config)
    result, _ = go_on(config)
    assert result.already_there
    assert outcome(result) == uninterrupted
    assert list((here / "interrupted" / "checkpoints").iterdir())


def test_a_run_that_goes_on_otherwise_than_by_itself_says_so_when_it_is_stopped(config: DistillConfig) -> None:
    for resume, given in (("auto", False), ("never", True)):
        stop = Stop()
        with pytest.raises(Stopped) as stopped:
            run(replace(config, resume=resume), Listener(stop, 3), stop)
        assert stopped.value.resume_given is given


def test_starting_again_and_going_on_are_not_asked_for_at_once(config: DistillConfig) -> None:
    with pytest.raises(UsageError, match="one starts again, the other goes on"):
        replace(config, overwrite=True, resume="somewhere")
