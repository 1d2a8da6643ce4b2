"""The main job: resolve, show the plan, make the corpus, train, write the student."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reldistill.config import DistillConfig, parse_mixing
from reldistill.distillation.corpus import corpus_of
from reldistill.distillation.determinism import deterministic_operations
from reldistill.distillation.device import resolve_device
from reldistill.distillation.locate import locate_teacher
from reldistill.distillation.no_batches import NoBatches
from reldistill.distillation.plan import Plan, make_plan
from reldistill.distillation.ranks import PeerEnded, PeerFailed, Ranks, training_together
from reldistill.distillation.remembered_probe import probed
from reldistill.distillation.reporter import Reporter
from reldistill.distillation.resume import Checkpoint, checkpoint_to_resume
from reldistill.distillation.run_folder import RunFolder, check_output
from reldistill.distillation.set_up import batches_of, make_student, make_teacher, make_trainer
from reldistill.distillation.student import NewStudent
from reldistill.distillation.text_source import TextSource, held_out_source, text_source
from reldistill.distillation.tracking import check_tracking
from reldistill.distillation.trainer import Trainer
from reldistill.distillation.training import Training
from reldistill.errors import DataError, UsageError
from reldistill.registry import Registry
from reldistill.stop import Stop

if TYPE_CHECKING:
    from reldistill_loader import Corpus, Mixture

__all__ = ["DistillResult", "DryRun", "distill"]


@dataclass(frozen=True)
class DistillResult:
    """A student, and what was measured on the way. ``already_there``: it had been made before, nothing was done."""

    folder: Path
    student: Path
    plan: Plan
    already_there: bool = False
    last_row: Mapping[str, float] = field(default_factory=dict)
    validation: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    parameters: int = 0

    def describe(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        if self.already_there:
            return {
                "run": str(self.folder),
                "student": str(self.student),
                "already_there": True,
                "plan": self.plan.describe(),
            }
        return {
            "run": str(self.folder), "student": str(self.student), "already_there": self.already_there,
            "parameters": self.parameters, "last_step": dict(self.last_row), "validation": {k: dict(v) for k, v in self.validation.items()},
            "plan": self.plan.describe(),
        }  # fmt: skip


@dataclass(frozen=True)
class DryRun:
    """One batch was computed and nothing was kept. ``row`` is what metrics.jsonl would have had; empty with ``steps=0``."""

    plan: Plan
    row: Mapping[str, float]

    def describe(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"dry_run": True, "first_step": dict(self.row), "plan": self.plan.describe()}


def distill(
    config: DistillConfig,
    registry: Registry | None = None,
    reporter: Reporter | None = None,
    *,
    dry_run: bool = False,
    stop: Stop | None = None,
) -> DistillResult | DryRun:
    """Distil a student as ``config`` says and write it; with ``dry_run`` compute one batch and write nothing.

    The run folder holds ``config.toml``, ``metrics.jsonl``, ``report.html``, ``checkpoints/`` and ``student/``. A run whose
    folder already holds a student is not repeated unless the configuration says ``overwrite``; one that was interrupted
    goes on from its newest whole checkpoint, to the very student that it would have made.

    Raises:
        Stopped: ``stop`` was asked to end the run; what had been trained is saved.
        UsageError: an option, the teacher, or a combination of both is wrong.
        DataError, reldistill_loader.LoaderError: text or corpus is missing, broken, or made for another teacher.
        PluginError: a plugin that is asked for is not to be had or breaks its contract.
        CheckpointError: the teacher's weights cannot be read, or there are checkpoints and none is whole.
        ReldistillError: loss or gradient stay not finite, a single sequence is too much for the device, or another process
            is at work in the run folder.
        OSError: the disk is full, or a folder cannot be written.
    """
    registry, reporter, stop = registry or Registry.installed(), reporter or Reporter(), stop or Stop()
    try:
        with deterministic_operations(config.deterministic), training_together(resolve_device(config.device)) as ranks:
            return _distill(config, registry, reporter if ranks.first else Reporter(), dry_run, stop, ranks)
    except (PeerEnded, PeerFailed):
        stop.check()  # all were asked to stop, and the other one was faster
        raise


def _distill(
    config: DistillConfig, registry: Registry, reporter: Reporter, dry_run: bool, stop: Stop, ranks: Ranks
) -> DistillResult | DryRun:
    check_tracking(config.track)
    teacher = locate_teacher(config.teacher, registry)
    source = text_source(config.data, teacher.adapter.name, config.text_column) if config.steps != 0 else None
    held_out = held_out_source(config.validation, teacher.adapter.name, config.text_column)
    probe = None
    if source is not None and not dry_run:
        probe = partial(probed, source=source, held_out=held_out, reporter=reporter, stop=stop, ranks=ranks)
    plan = make_plan(config, teacher, source, registry, reporter, probe)
    if source is None and config.data:
        reporter.note("--data is not read: with --steps 0 nothing is trained")
    check_output(config.output)
    reporter.plan(plan)
    if dry_run:
        return _one_batch(plan, source, held_out, reporter, stop, ranks)
    mixing = parse_mixing(config.mixing)
    corpus = ranks.one_after_the_first(lambda: corpus_of(plan, source, reporter, mixing=mixing)) if source else None
    validation = ranks.one_after_the_first(lambda: corpus_of(plan, held_out, reporter)) if held_out else None
    folder = RunFolder.of(plan, [opened.fingerprint if opened else None for opened in (corpus, validation)])
    finished, checkpoint = ranks.of_the_first(lambda: _where_to_begin(plan, folder, ranks, reporter))
    if finished:
        ranks.of_the_first(lambda: _complete(folder))
        return DistillResult(folder.path, folder.student, plan, already_there=True)
    stop.check()
    student, trainer = _set_up(plan, corpus, reporter, stop, ranks)
    # No folder is made before all that can be refused was read.
    training = Training(plan, student, trainer, validation, folder, reporter, stop)
    training.run(checkpoint, data_sha256=corpus.fingerprint if corpus else None)
    return DistillResult(
        folder.path,
        folder.student,
        plan,
        last_row=training.rows,
        validation=training.measured,
        parameters=sum(p.numel() for p in student.model.parameters()),
    )


def _complete(folder: RunFolder) -> None:
    with suppress(OSError, DataError):  # the student is whole all the same
        folder.complete()


def _where_to_begin(plan: Plan, folder: RunFolder, ranks: Ranks, reporter: Reporter) -> tuple[bool, Checkpoint | None]:
    """Whether the student is there, and else the checkpoint to go on from."""
    if plan.config.overwrite and folder.student.is_dir():
        return False, None
    if folder.is_finished():
        return True, None
    checkpoint = checkpoint_to_resume(plan, folder, ranks.size, reporter.note)
    if checkpoint is not None and not plan.steps:
        raise UsageError(
            f"--steps 0: {checkpoint.path} is of a run that trains",
            hint="Give another --output, or --resume never to let go of it.",
        )
    return False, checkpoint


def _set_up(
    plan: Plan, corpus: Corpus | Mixture | None, reporter: Reporter, stop: Stop, ranks: Ranks
) -> tuple[NewStudent, Trainer]:
    """The whole student, and a trainer of the part of it that the relations reach."""
    teacher = make_teacher(plan, ranks)
    started, student = make_student(plan, ranks)
    batches = batches_of(plan, corpus, ranks) if corpus else NoBatches()
    return started, make_trainer(plan, teacher, student, batches, reporter, stop, ranks)


def _one_batch(
    plan: Plan, source: TextSource | None, held_out: TextSource | None, reporter: Reporter, stop: Stop, ranks: Ranks
) -> DryRun:
    """The first step on the first sequences of the data; a corpus that has to be made for it is thrown away."""
    with tempfile.TemporaryDirectory(prefix="reldistill-") as scratch:
        mixing = parse_mixing(plan.config.mixing)
        at_most, folder = plan.config.batch_size, Path(scratch) / "corpus"
        corpus = corpus_of(plan, source, reporter, mixing=mixing, at_most=at_most, folder=folder) if source else None
        if held_out is not None:
            corpus_of(plan, held_out, reporter, at_most=1, folder=Path(scratch) / "held-out")
        _, trainer = _set_up(replace(plan, config=replace(plan.config, max_skipped=0)), corpus, reporter, stop, ranks)
        row: dict[str, float] = {}
        trainer.run(min(1, plan.steps), lambda _step, logged: row.update(logged or {}))
    return DryRun(plan, row)
