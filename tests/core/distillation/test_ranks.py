"""Several processes train as one does."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from conftest import MakeTeacher
from ranks_of_a_run import together
from reldistill import DistillConfig
from reldistill.distillation.ranks import PeerEnded, PeerFailed
from reldistill.distillation.trainer import Trainer
from reldistill.distillation.training import Training
from reldistill.errors import Stopped
from reldistill.stop import Stop
from reldistill_loader import CorpusError
from short_runs import Listener, configure, go_on, run
from tiny_models import write_text

pytestmark = pytest.mark.slow


@pytest.fixture
def config(teacher: MakeTeacher, text: Path, here: Path) -> DistillConfig:
    held_out = write_text(here / "held-out.txt", 21)
    return configure(
        teacher("bert", layers=3), text, validation=(str(held_out),), micro_batch_tokens=100, log_every=1, steps=12,
        relation_heads=12, output=str(here / "run"),
    )  # fmt: skip


@pytest.fixture
def without_dropout(config: DistillConfig, monkeypatch: pytest.MonkeyPatch) -> DistillConfig:
    """With it each rank drops out other things."""
    monkeypatch.setattr("reldistill_plugins.teachers.bert_architecture.PAPER_DROPOUT", 0.0)
    return config


def logged(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def train(config: DistillConfig, size: int, here: Path) -> list[Any]:
    """By so many ranks; what each of them returned."""
    return together(size, here, lambda rank: run(config).last_row["loss"])


def weights(folder: Path) -> bytes:
    return (folder / "student" / "model.safetensors").read_bytes()


@pytest.mark.parametrize("size", [2, 3])
def test_losses_and_student_are_those_of_one_process(without_dropout: DistillConfig, here: Path, size: int) -> None:
    alone = run(replace(without_dropout, output=str(here / "alone")))
    ranks = train(without_dropout, size, here)
    assert ranks == [ranks[0]] * size
    for ours, theirs in zip(logged(here / "run"), logged(alone.folder), strict=True):
        assert ours.keys() == theirs.keys()
        for name in ours.keys() - {"tokens_per_second"}:
            assert ours[name] == pytest.approx(theirs[name], rel=1e-4), name
    expected = load_file(alone.student / "model.safetensors")
    for name, tensor in load_file(here / "run/student/model.safetensors").items():
        torch.testing.assert_close(tensor, expected[name], rtol=1e-3, atol=1e-5)


def test_a_fused_projection_that_one_relation_reads_is_trained_as_by_one_process(
    without_dropout: DistillConfig, teacher: MakeTeacher, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its other rows have a gradient of zero, not none: no rank waits for a parameter that is never reached."""
    monkeypatch.setattr("reldistill_plugins.teachers.modernbert.PAPER_DROPOUT", 0.0)
    queries = replace(without_dropout, teacher=str(teacher("modernbert", layers=3)), relations="qq", shard_teacher=True)
    alone = run(replace(queries, output=str(here / "alone"), shard_teacher=False))
    train(queries, 2, here)
    expected = load_file(alone.student / "model.safetensors")
    for name, tensor in load_file(here / "run/student/model.safetensors").items():
        torch.testing.assert_close(tensor, expected[name], rtol=1e-3, atol=1e-5)


def test_a_batch_of_fewer_sequences_than_ranks(without_dropout: DistillConfig, here: Path) -> None:
    small = replace(without_dropout, batch_size=1, steps=5)
    alone = run(replace(small, output=str(here / "alone")))
    train(small, 2, here)
    for ours, theirs in zip(logged(here / "run"), logged(alone.folder), strict=True):
        name = "loss" if "loss" in ours else "validation/loss"
        assert ours[name] == pytest.approx(theirs[name], rel=1e-4)


def test_two_runs_give_the_same_bytes(config: DistillConfig, here: Path) -> None:
    train(config, 2, here)
    train(replace(config, output=str(here / "again")), 2, here)
    assert weights(here / "run") == weights(here / "again")


def stop_one_rank(config: DistillConfig, here: Path, calls: int) -> list[Any]:
    """Rank 1 alone is asked, while it computes its so-manyth part."""
    original = Trainer._accumulate

    def work(rank: int) -> None:
        stop, count = Stop(), 0

        def accumulate(self: Trainer, batch: Any) -> Any:
            nonlocal count
            count += 1
            if rank == 1 and count == calls:
                stop.request()
            return original(self, batch)

        Trainer._accumulate = accumulate  # type: ignore[method-assign]
        run(config, stop=stop)

    return together(2, here, work)


def test_a_request_to_one_rank_stops_all_and_together_they_go_on_exactly(config: DistillConfig, here: Path) -> None:
    train(replace(config, output=str(here / "alone")), 2, here)
    outcomes = stop_one_rank(config, here, 6)
    assert [type(outcome) for outcome in outcomes] == [Stopped, Stopped]
    assert (here / "run" / "STOPPED").read_text() == "step 5\n"
    train(config, 2, here)
    assert not (here / "run" / "STOPPED").exists()
    assert weights(here / "run") == weights(here / "alone")


def test_another_number_of_ranks_goes_on_to_the_same_losses_and_is_announced(
    without_dropout: DistillConfig, here: Path
) -> None:
    alone = run(replace(without_dropout, output=str(here / "alone")))
    stop_one_rank(without_dropout, here, 6)
    result, listener = go_on(without_dropout)
    assert listener.resumed_at == 5
    assert any("processes: 2 then, 1 now" in note for note in listener.notes)
    assert result.last_row["loss"] == pytest.approx(alone.last_row["loss"], rel=1e-4)
    assert result.last_row["tokens"] == alone.last_row["tokens"]


def test_a_killed_rank_ends_the_others_and_the_run_goes_on_exactly(config: DistillConfig, here: Path) -> None:
    train(replace(config, output=str(here / "alone")), 2, here)
    frequent = replace(config, checkpoint_every=3)

    def work(rank: int) -> None:
        class Killer(Listener):
            def step(self, step: int, steps: int, row: Any) -> None:
                if step == 7:
                    os.kill(os.getpid(), signal.SIGKILL)

        # The first rank has the listener.
        run(frequent, Killer())

    killed, other = together(2, here, work)
    assert killed == -signal.SIGKILL
    assert isinstance(other, PeerEnded)
    assert "goes on from the newest checkpoint" in str(other)
    train(frequent, 2, here)
    assert weights(here / "run") == weights(here / "alone")


def test_memory_that_one_rank_lacks_is_halved_for_all(config: DistillConfig, here: Path) -> None:
    train(replace(config, micro_batch_tokens=50, output=str(here / "alone")), 2, here)
    original = Trainer._accumulate

    def work(rank: int) -> None:
        def accumulate(self: Trainer, batch: Any) -> Any:
            found = original(self, batch)
            if rank == 1 and self.micro_batch_tokens > 50:
                raise MemoryError
            return found

        Trainer._accumulate = accumulate  # type: ignore[method-assign]
        run(config)

    assert together(2, here, work) == [None, None]
    assert weights(here / "run") == weights(here / "alone")


def fail_on_one_rank(config: DistillConfig, here: Path, error: Exception) -> list[Any]:
    """Rank 1 cannot draw its sixth batch."""
    original = Trainer._next

    def work(rank: int) -> None:
        def draw(self: Trainer) -> Any:
            if rank == 1 and self.step == 5:
                raise error
            return original(self)

        Trainer._next = draw  # type: ignore[method-assign]
        run(config)

    return together(2, here, work)


def test_damaged_data_of_one_rank_ends_all_with_their_state_saved(config: DistillConfig, here: Path) -> None:
    train(replace(config, output=str(here / "alone")), 2, here)
    first, second = fail_on_one_rank(config, here, CorpusError("shard-00003.arrow is damaged"))
    assert isinstance(first, PeerFailed)
    assert isinstance(second, CorpusError)
    assert [path.name for path in (here / "run" / "checkpoints").iterdir()] == ["step-00000005"]
    train(config, 2, here)
    assert weights(here / "run") == weights(here / "alone")


def test_another_failure_of_one_rank_ends_all(config: DistillConfig, here: Path) -> None:
    first, second = fail_on_one_rank(config, here, OSError(5, "Input/output error"))
    assert isinstance(first, PeerFailed)
    assert isinstance(second, OSError)


@pytest.mark.parametrize("batch_size", [16, 1])
def test_a_teacher_spread_over_the_ranks_gives_the_same_bytes(
    config: DistillConfig, here: Path, batch_size: int
) -> None:
    uneven = replace(config, batch_size=batch_size)
    train(replace(uneven, output=str(here / "alone")), 2, here)
    train(replace(uneven, shard_teacher=True), 2, here)
    assert weights(here / "run") == weights(here / "alone")
    held_out = [row["validation/loss"] for row in logged(here / "run") if "validation/loss" in row]
    assert held_out == [row["validation/loss"] for row in logged(here / "alone") if "validation/loss" in row]


def test_a_spread_teacher_takes_a_share_of_the_memory_on_each_rank(config: DistillConfig, here: Path) -> None:
    original = Training.run

    def work(rank: int) -> list[int]:
        seen: list[int] = []

        def look_and_run(self: Training, *inputs: Any, **options: Any) -> None:
            teacher: Any = self.trainer.objective.teacher
            parameters: list[Any] = list(teacher.parameters())
            seen.extend([sum(p.to_local().numel() for p in parameters), sum(p.numel() for p in parameters)])
            original(self, *inputs, **options)

        Training.run = look_and_run  # type: ignore[method-assign]
        run(replace(config, shard_teacher=True, steps=1))
        return seen

    for share, whole in together(2, here, work):
        assert share == pytest.approx(whole / 2, rel=0.1)


def test_a_stop_waits_for_the_batch_where_the_teacher_is_spread(config: DistillConfig, here: Path) -> None:
    spread = replace(config, shard_teacher=True)
    train(replace(config, output=str(here / "alone")), 2, here)
    assert [type(outcome) for outcome in stop_one_rank(spread, here, 6)] == [Stopped, Stopped]
    assert (here / "run" / "STOPPED").read_text() == "step 6\n"
    train(spread, 2, here)
    assert weights(here / "run") == weights(here / "alone")
