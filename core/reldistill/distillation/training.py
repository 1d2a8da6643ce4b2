"""One run from its beginning, or from a checkpoint, to its student."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from reldistill.checkpoint import step_of, verify
from reldistill.checkpoint.durable import remove_leftovers
from reldistill.distillation.held_out import held_out_loss
from reldistill.distillation.metrics_file import MetricsFile
from reldistill.distillation.model_card import model_card
from reldistill.distillation.out_of_memory import OutOfMemory
from reldistill.distillation.random_state import random_state
from reldistill.distillation.ranks import PeerFailed
from reldistill.distillation.resume import about_run
from reldistill.distillation.run_folder import PROVENANCE
from reldistill.distillation.skipped import NotFinite
from reldistill.distillation.student import NewStudent, write_student
from reldistill.distillation.tracking import Tracker, tracker_of
from reldistill.distillation.training_state import load_training_state, save_training_state
from reldistill.errors import CheckpointError, DataError, ReldistillError, Stopped
from reldistill.report import write_report
from reldistill_loader import LoaderError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from reldistill.distillation.plan import Plan
    from reldistill.distillation.ranks import Ranks
    from reldistill.distillation.reporter import Reporter
    from reldistill.distillation.resume import Checkpoint
    from reldistill.distillation.run_folder import RunFolder
    from reldistill.distillation.trainer import Trainer
    from reldistill.stop import Stop
    from reldistill_loader import Corpus, Mixture

__all__ = ["Training"]

SAVE_INTERVAL = 900.0
"""Seconds between two checkpoints, where no number of steps is given."""


@dataclass
class Training:
    """Trains, measures, saves, and writes the student. ``rows`` and ``measured`` are what came out last.

    ``measured``: the held-out loss, ``before`` and ``after``.
    """

    plan: Plan
    student: NewStudent
    trainer: Trainer
    validation: Corpus | Mixture | None
    folder: RunFolder
    reporter: Reporter
    stop: Stop
    rows: dict[str, float] = field(default_factory=dict, init=False)
    measured: dict[str, dict[str, float]] = field(default_factory=dict, init=False)
    _metrics: MetricsFile | None = field(default=None, init=False)
    """On the first rank alone."""
    _tracker: Tracker = field(default_factory=Tracker, init=False)
    _validated: int = field(default=-1, init=False)
    """The last step whose held-out loss was measured."""
    _saved: int = field(default=0, init=False)
    _saved_at: float = field(default_factory=time.monotonic, init=False)
    _newest: Path | None = field(default=None, init=False)
    _gone_back_to: Path | None = field(default=None, init=False)

    @property
    def model(self) -> PreTrainedModel:
        """The whole student."""
        return self.student.model

    @property
    def ranks(self) -> Ranks:
        """Those that train together."""
        return self.trainer.ranks

    def run(self, checkpoint: Checkpoint | None, *, data_sha256: str | None) -> None:
        """Go on from ``checkpoint``, or begin, until the student is written.

        Raises:
            Stopped: somebody asked for it; what had been trained is saved.
            NotFinite, OutOfMemory, LoaderError: as the trainer does; what had been trained is saved, but for NotFinite.
            OSError: the disk is full or a folder cannot be written; the checkpoints that were there stay.
        """
        with self.stop.held(), ExitStack() as open_files:
            self.ranks.of_the_first(lambda: self._open(open_files, checkpoint))
            if checkpoint is not None:
                self._load(checkpoint.path)
                self.reporter.resumed(self.trainer.step, self.plan.steps)
            self._train()
            self._save()
            self.ranks.of_the_first(lambda: self._write_student(data_sha256))

    def _open(self, open_files: ExitStack, checkpoint: Checkpoint | None) -> None:
        self.folder.path.mkdir(parents=True, exist_ok=True)
        self._metrics = open_files.enter_context(MetricsFile(self.folder.metrics))
        self._check_nobody_was_faster(checkpoint)
        self._tracker = open_files.enter_context(closing(tracker_of(self.plan.config, self.folder.path, self.reporter)))
        remove_leftovers(self.folder.path)
        self.folder.checkpoints.tidy()
        self.folder.stopped.unlink(missing_ok=True)
        if self.plan.config.overwrite:
            self.folder.make_way()
        self.folder.write_config(self.plan)
        if checkpoint is None:
            self.folder.checkpoints.prune(0)
            self._metrics.clear()
            self._tracker.start(0)

    def _check_nobody_was_faster(self, checkpoint: Checkpoint | None) -> None:
        """Another process may have gone on with the run, or ended it, between the look at it and the lock."""
        config, saved = self.plan.config, self.folder.checkpoints.all()
        newer = saved and config.resume == "auto" and checkpoint is not None and step_of(saved[0]) > checkpoint.step
        finished = self.folder.student.is_dir() and not config.overwrite
        if finished or (newer and not self._was_passed_over(saved[0])):
            raise ReldistillError(
                f"another process has just been at work on the run in {self.folder.path}",
                hint="The same command goes on from there.",
            )

    def _was_passed_over(self, path: Path) -> bool:
        try:
            verify(path)
        except CheckpointError:
            return True
        return False

    def _train(self) -> None:
        steps = self.plan.steps

        def on_step(step: int, row: dict[str, float] | None) -> None:
            if row is not None:
                self._log(row)
                self.rows = row
            self.reporter.step(step, steps, row)
            self._validate_if_due()
            if self._save_is_due():
                self._save()

        while True:
            try:
                self._validate_if_due()
                self.trainer.run(steps, on_step)
                return
            except NotFinite as error:
                self._go_back(error)
            except (Stopped, OutOfMemory, LoaderError, PeerFailed) as error:
                together = not isinstance(error, PeerFailed | OutOfMemory) or error.together
                if together and (self.trainer.step or self._validated >= 0):
                    try:
                        self._save()
                    except NotFinite as spoiled:
                        self._go_back(spoiled)
                if isinstance(error, Stopped):
                    error.resume_given = self.plan.config.resume != "auto"
                    error.saved_step = self.trainer.step
                    self.ranks.of_the_first(self._rest)
                raise

    def _validate_if_due(self) -> None:
        step, every = self.trainer.step, self.plan.config.validate_every
        due = step in (0, self.plan.steps) or (every is not None and step % every == 0)
        if self.validation is None or not due or self._validated == step:
            return
        trainer, held_out, teacher, ranks = self.trainer, self.validation, self.plan.teacher, self.ranks
        trainer.agreed(self.stop.check)
        part = trainer.what_fits(
            lambda: held_out_loss(
                trainer.objective,
                trainer.student,
                held_out,
                position_offset=teacher.adapter.position_offset(teacher.config),
                micro_batch_tokens=trainer.micro_batch_tokens,
                device=trainer.device,
                before_parts=trainer.before_parts,
                between_parts=trainer.between_parts,
                draw=trainer.agreed,
                rank=ranks.rank,
                world_size=ranks.size,
            ),
            self.plan.config.max_length,
        )
        summed = torch.tensor(list(part.values()), dtype=torch.float64)
        ranks.sum([summed])
        loss = dict(zip(part, summed.tolist(), strict=True))
        row = {"step": step, **{f"validation/{name}": value for name, value in loss.items()}}
        self.measured["before" if step == 0 else "after"] = loss
        self._log(row)
        self._validated = step
        self.reporter.validated(row)

    def _save_is_due(self) -> bool:
        every = self.plan.config.checkpoint_every
        if every is None:
            return bool(self.ranks.largest(time.monotonic() - self._saved_at >= SAVE_INTERVAL))
        return self.trainer.step % every == 0

    def _save(self) -> None:
        """A checkpoint of the step that was just done; of one step one is enough, and a run of none needs none."""
        step = self.trainer.step
        if not self.plan.steps or (step == self._saved and self._newest is not None):
            return
        self.trainer.look_at_skipped()  # on all ranks, before the first one alone takes the state
        measured = {"rows": self.rows, "measured": self.measured, "validated": self._validated}
        generators = self.ranks.gather(random_state(self.plan.device))

        def write(folder: Path) -> None:
            save_training_state(folder, self.model, self.trainer, generators, measured)

        def save() -> Path:
            assert self._metrics is not None, "the first rank has opened it"
            self._metrics.sync()
            about = about_run(self.plan, self.folder, self.ranks.size)
            saved = self.folder.checkpoints.save(step, write, about)
            self.folder.checkpoints.prune(self.plan.config.keep)
            return saved

        began = time.monotonic()
        self._newest = self.ranks.of_the_first(save)
        self._saved, self._saved_at = step, time.monotonic()
        self.reporter.saved(step, self._saved_at - began)

    def _load(self, checkpoint: Path) -> None:
        measured = load_training_state(checkpoint, self.model, self.trainer)
        self.rows, self.measured = measured["rows"], measured["measured"]
        self._validated = measured["validated"]
        self._saved, self._newest = self.trainer.step, checkpoint
        self.ranks.of_the_first(self._forget_what_is_newer)

    def _forget_what_is_newer(self) -> None:
        assert self._metrics is not None, "the first rank has opened it"
        self._metrics.cut_back(self.trainer.step, validated=self._validated == self.trainer.step)
        self.folder.checkpoints.remove_after(self.trainer.step)
        self._tracker.start(self.trainer.step)

    def _log(self, row: dict[str, float]) -> None:
        if self._metrics is not None:
            self._metrics.write(row)
            self._tracker.write(row)

    def _go_back(self, error: NotFinite) -> None:
        """To the last checkpoint, with the batches that follow those which spoiled it; a second time is one too many."""
        if self._newest is None or self._gone_back_to == self._newest:
            raise error
        behind = self.trainer.batches.state_dict()
        self._load(self._newest)
        self.trainer.batches.load_state_dict(behind)
        self._gone_back_to = self._newest
        self.reporter.note(
            f"{error.message}; back to step {self.trainer.step}, and on with the batches behind step {error.step}"
        )

    def _rest(self) -> None:
        self.folder.note_stopped(self.trainer.step)
        self._report()

    def _report(self) -> None:
        try:
            write_report(self.folder.path)
        except (OSError, DataError) as error:
            self.reporter.note(f"no report was written: {error}")

    def _write_student(self, data_sha256: str | None) -> None:
        plan, folder = self.plan, self.folder
        before_and_after: Mapping[str, Any] = {moment: loss["loss"] for moment, loss in self.measured.items()}
        card = model_card(
            plan, self.student, data_sha256=data_sha256, tokens=self.trainer.tokens, measured=before_and_after
        )
        described: dict[str, Any] = {"identity": folder.identity, "plan": plan.describe() | {"data": plan.data_names}}
        if plan.evidence:
            described["evidence"] = [found.describe() for found in plan.evidence]
        provenance = json.dumps(described, indent=2) + "\n"
        write_student(self.model, plan.teacher.tokenizer, {"README.md": card, PROVENANCE: provenance}, folder.student)
        folder.remove_replaced()
        try:
            folder.point_latest_here()
        except OSError as error:
            self.reporter.note(f"runs/latest does not lead to the new student: {error.strerror or error}")
        self._report()
