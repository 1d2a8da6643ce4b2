"""What goes wrong in the middle of a run: numbers that are not finite, memory, disk, a damaged shard."""

from __future__ import annotations

import errno
import json
import os
import random
import resource
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from children import in_a_child, was_killed
from conftest import MakeTeacher
from reldistill import DistillConfig
from reldistill.distillation.locate import locate_teacher
from reldistill.distillation.objective import Objective
from reldistill.distillation.skipped import NotFinite
from reldistill.distillation.trainer import Trainer
from reldistill.registry import Registry
from reldistill_loader import Corpus, CorpusError, tokenize
from short_runs import Listener, configure, go_on, outcome, rows, run, stop_behind
from tiny_models import SENTENCES, write_text


@pytest.fixture
def config(teacher: MakeTeacher, text: Path, here: Path) -> DistillConfig:
    return configure(teacher("bert", layers=3), text, log_every=1, checkpoint_every=5, output=str(here / "run"))


# ---- numbers that are not finite ----------------------------------------------------------------------------------


def spoil(monkeypatch: pytest.MonkeyPatch, numbers: Collection[int], part: str = "gradient") -> None:
    """Loss or gradient of the batches of these numbers, from 0, are no numbers."""
    original = Trainer._accumulate

    def accumulate(self: Trainer, batch: Any) -> Any:
        total, terms = original(self, batch)
        if batch.number in numbers:
            if part == "loss":
                return total * float("nan"), terms
            next(p for p in self.student.parameters() if p.grad is not None).grad.mul_(float("inf"))  # type: ignore[union-attr]
        return total, terms

    monkeypatch.setattr(Trainer, "_accumulate", accumulate)


@pytest.mark.parametrize("part", ["loss", "gradient"])
def test_a_few_bad_batches_are_left_out_and_the_run_goes_on(
    config: DistillConfig, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    spoil(monkeypatch, {6, 7, 8}, part)
    listener = Listener()
    result = run(config, listener)
    assert [note for note in listener.notes if "not finite" in note] == [
        f"step {step}: loss or gradient are not finite; the update is left out" for step in (7, 8, 9)
    ]
    logged = rows(result)
    assert [row["step"] for row in logged] == list(range(1, 31))
    assert logged[6]["loss" if part == "loss" else "grad_norm"] is None
    assert logged[-1]["loss"] < logged[0]["loss"]


def test_a_run_that_left_out_updates_is_taken_up_exactly(
    config: DistillConfig, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, {6, 7, 8})
    alone = outcome(run(replace(config, output=str(here / "alone"))))
    stop_behind(config, 8)
    assert outcome(go_on(config)[0]) == alone


def test_too_many_in_a_row_lead_back_to_the_checkpoint_and_past_them(
    config: DistillConfig, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, {11, 12, 13, 14})
    listener = Listener()
    result = run(config, listener)
    assert any("4 times in a row" in note and "back to step 10" in note for note in listener.notes)
    logged = rows(result)
    assert [row["step"] for row in logged] == list(range(1, 31))
    assert all(row["loss"] is not None and row["grad_norm"] is not None for row in logged)

    # Killed behind it, the run goes the same way again.
    other = replace(config, output=str(here / "other"))
    stop_behind(other, 12)  # on the way to the bad ones
    stop_behind(other, 19)
    assert go_on(other)[0].student.joinpath("model.safetensors").read_bytes()


def test_batches_that_stay_bad_end_the_run_with_the_sequences_of_one_and_keep_the_checkpoint(
    config: DistillConfig, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, range(11, 1000))
    with pytest.raises(NotFinite, match="4 times in a row") as ended:
        run(config)
    assert "of the corpus are in that batch" in str(ended.value)
    assert [path.name for path in sorted((here / "run" / "checkpoints").iterdir())] == [
        "step-00000005",
        "step-00000010",
    ]
    monkeypatch.undo()
    assert go_on(config)[1].resumed_at == 10


def test_without_a_checkpoint_there_is_nothing_to_go_back_to(
    config: DistillConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, {1})
    with pytest.raises(NotFinite, match="step 2"):
        run(replace(config, max_skipped=0))


# ---- memory -------------------------------------------------------------------------------------------------------


def run_with_limited_memory(mebibytes: int, config: DistillConfig) -> dict[str, Any]:
    """In a process of its own; what came of it."""
    command = [
        sys.executable,
        str(Path(__file__).with_name("limited_memory.py")),
        str(mebibytes),
        json.dumps(asdict(config)),
    ]
    # The limit is one of addresses: what is freed is to leave no holes in the heap.
    heap = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"}
    environment = os.environ | heap | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=300)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="waits for a system on which address space can be limited")
def test_out_of_memory_halves_the_micro_batch_and_gives_what_the_smaller_one_gives(
    config: DistillConfig, here: Path
) -> None:
    large = replace(config, batch_size=4096, micro_batch_tokens=65_536, steps=2, attention="eager")
    found = run_with_limited_memory(200, large)
    assert found["finished"], found
    halved = [note for note in found["notes"] if "is out of memory" in note]
    assert halved
    tokens = int(halved[-1].split("; ")[1].split()[0].replace(",", ""))
    assert tokens < 65_536
    small = run(replace(large, micro_batch_tokens=tokens, output=str(here / "small")))
    assert (here / "run/student/model.safetensors").read_bytes() == (small.student / "model.safetensors").read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="waits for a system on which address space can be limited")
def test_a_single_sequence_that_does_not_fit_ends_the_run_with_one_message(config: DistillConfig) -> None:
    wide = replace(config, student_ffn=400_000, micro_batch_tokens=40)  # a layer's output of one sequence has 64 MB
    found = run_with_limited_memory(40, wide)
    assert not found["finished"]
    assert "is out of memory with one sequence of" in found["error"]


def test_memory_that_lacks_in_a_validation_halves_the_micro_batch_too(
    config: DistillConfig, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_out = replace(
        config, validation=(str(write_text(here / "held-out.txt", 20)),), micro_batch_tokens=400, steps=3
    )
    original = Objective.__call__

    def call(self: Objective, student: Any, tokens: Any, sequences: int) -> Any:
        if not student.training and sum(tokens.lengths) > 100:
            raise MemoryError
        return original(self, student, tokens, sequences)

    monkeypatch.setattr(Objective, "__call__", call)
    listener = Listener()
    result = run(held_out, listener)
    assert [note for note in listener.notes if "100 tokens at once" in note]
    monkeypatch.undo()
    small = run(replace(held_out, micro_batch_tokens=100, output=str(here / "small")))
    assert outcome(result) == outcome(small)


# ---- disk ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kibibytes", [1, 8, 30])
def test_a_full_disk_ends_the_run_and_with_room_it_goes_on_exactly(
    config: DistillConfig, here: Path, monkeypatch: pytest.MonkeyPatch, kibibytes: int
) -> None:
    alone = outcome(run(replace(config, output=str(here / "alone"))))
    stop_behind(config, 3)

    original = Trainer.run

    def limited_run(self: Trainer, *inputs: Any) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (kibibytes * 1024, resource.RLIM_INFINITY))
        original(self, *inputs)

    with monkeypatch.context() as limited:
        limited.setattr(Trainer, "run", limited_run)
        report = here / "report"

        def work() -> None:
            try:
                run(config)
            except OSError as error:
                report.write_text(str(error.errno))

        assert not was_killed(in_a_child(work))
    assert int(report.read_text()) == errno.EFBIG
    left = [path for path in (here / "run").rglob("*") if ".tmp-" in path.name]
    assert left == []
    assert outcome(go_on(config)[0]) == alone


class AtStep(Listener):
    """Does something behind a step."""

    def __init__(self, step: int, work: Callable[[], object]) -> None:
        super().__init__()
        self._step, self._work = step, work

    def step(self, step: int, steps: int, row: Mapping[str, float] | None) -> None:
        if step == self._step:
            self._work()


def test_a_checkpoint_that_cannot_be_written_ends_the_run_and_leaves_the_one_before(
    config: DistillConfig, here: Path
) -> None:
    alone = outcome(run(replace(config, output=str(here / "alone"))))
    folder, aside = here / "run" / "checkpoints", here / "aside"

    def take_away() -> None:
        folder.rename(aside)
        folder.write_text("a file in its place")

    with pytest.raises(OSError, match="checkpoints"):
        run(config, AtStep(9, take_away))
    folder.unlink()
    aside.rename(folder)
    result, listener = go_on(config)
    assert listener.resumed_at == 5
    assert outcome(result) == alone


@pytest.mark.skipif(os.geteuid() == 0, reason="waits for a user that is not root, who may write everywhere")
def test_a_folder_that_becomes_read_only_ends_the_run_and_leaves_the_checkpoint(
    config: DistillConfig, here: Path
) -> None:
    folder = here / "run" / "checkpoints"
    with pytest.raises(PermissionError):
        run(config, AtStep(9, lambda: folder.chmod(0o555)))
    folder.chmod(0o755)
    assert go_on(config)[1].resumed_at == 5


# ---- data ---------------------------------------------------------------------------------------------------------


def test_a_shard_that_is_damaged_in_mid_run_loses_nothing(
    config: DistillConfig, here: Path, teacher: MakeTeacher
) -> None:
    words, draw = " ".join(SENTENCES).split(), random.Random(1)
    (here / "long.txt").write_text("\n".join(" ".join(draw.choices(words, k=12)) for _ in range(60_000)))
    tokenizer = locate_teacher(config.teacher, Registry.installed()).tokenizer_json
    tokenize(here / "long.txt", tokenizer, here / "corpus", max_length=60)
    corpus = Corpus.open(here / "corpus")
    config = replace(config, data=(str(here / "corpus"),), max_length=60, batch_size=1, steps=12)
    order = [int(batch.indices[0]) for batch, _ in zip(corpus.batches(seed=0, batch_size=1), range(12), strict=False)]
    ids = {k: corpus.sequence(index).tobytes() for k, index in enumerate(order)}
    alone = outcome(run(replace(config, output=str(here / "alone"))))

    shard = next((here / "corpus").glob("*.arrow"))
    whole = shard.read_bytes()
    block = 256 * 1024
    blocks = [whole.index(ids[k]) // block for k in range(12)]
    step = max(blocks.index(b) for b in blocks)  # the first one in a block that was not touched before
    assert step > 2, "the corpus is too small for this test"
    place = whole.index(ids[step]) + 100
    shard.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])

    with pytest.raises(CorpusError, match=shard.name):
        run(config)
    shard.write_bytes(whole)
    result, listener = go_on(config)
    assert listener.resumed_at == step
    assert outcome(result) == alone
    assert torch.isfinite(torch.tensor(rows(result)[-1]["loss"]))
