"""One cell of a search: a fine-tuning, the choice of its epoch, its scores and predictions."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from reldistill.checkpoint.durable import replace_durably
from reldistill.distillation.random_state import random_state, restore_random_state
from reldistill.errors import CheckpointError, Stopped, in_one_line
from reldistill.evaluation.best_epoch import BestEpoch
from reldistill.evaluation.cells import Cell, CellResult
from reldistill.evaluation.fine_tuning import FineTuning, Recipe
from reldistill.evaluation.inference import infer
from reldistill.evaluation.unfinished import Unfinished
from reldistill.evaluation.versions import versions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from reldistill.eval_task import Evaluation, Scores
    from reldistill.evaluation.search import Search

    Outputs = list[NDArray[np.float32]]

__all__ = ["SUBMISSION", "run_cell"]

SUBMISSION = "submission"
"""Beside the predictions of rows with labels: those for the server."""


def run_cell(search: Search, cell: Cell, *, predictions: Path, unfinished: Unfinished) -> CellResult:
    """Fine-tune and score; what was predicted goes into ``predictions``. Leaves torch's generators as they were.

    Goes on from what is ``unfinished``; who writes the result removes it. Raises ``Stopped`` behind a save,
    and :class:`CheckpointError` where what was saved is of another fine-tuning.
    """
    drawn = random_state(search.device)
    try:
        return _CellRun(search, cell, unfinished).result(predictions)
    finally:
        restore_random_state(drawn, search.device)


class _CellRun:
    def __init__(self, search: Search, cell: Cell, unfinished: Unfinished) -> None:
        self._search, self._cell, self._unfinished = search, cell, unfinished
        self._began = time.monotonic()
        self._best = BestEpoch()
        self._said: dict[tuple[str, str], Outputs] = {}
        torch.manual_seed(cell.seed)  # for the head; the training seeds anew
        self._model = search.task.model(search.encoder.folder, fine_tuned=search.as_it_is)
        self._model.to(search.device)  # type: ignore[arg-type]

    def result(self, predictions: Path) -> CellResult:
        search = self._search
        training = None if search.as_it_is else self._training()
        for evaluation in (*search.selection, *search.evaluations, *search.predicted):
            search.encoded(evaluation.split, evaluation.language)
        with search.stop.held():
            try:
                epoch, selection = (1, self._selection()) if training is None else self._trained(training)
                scores: dict[str, Scores] = {}
                for evaluation in search.evaluations if epoch else []:
                    scores[evaluation.name] = self._score(evaluation)
                    self._write(predictions, evaluation)
                for evaluation in search.predicted if epoch else []:
                    self._write(predictions / SUBMISSION, evaluation)
            except Stopped:
                if training is not None:
                    self._save(training)
                raise
        losses = [] if training is None else training.losses
        finite = tuple(loss if math.isfinite(loss) else None for loss in losses)
        seconds = round(time.monotonic() - self._began, 2)
        return CellResult(self._cell, selection, scores, epoch, finite, seconds, search.predicted_sha256, versions())

    def _training(self) -> FineTuning:
        """From its start, or from where it was stopped."""
        search, cell = self._search, self._cell
        training = FineTuning(
            self._model,
            search.training,
            Recipe(cell.learning_rate, cell.epochs, cell.seed, search.plan.batch_size),
            pad_token_id=search.pad_token_id,
            device=search.device,
            precision=search.precision,
        )
        if (saved := self._unfinished.read()) is not None:
            try:
                training.load_state_dict(saved["training"])
                self._best.load_state_dict(saved["best"])
                self._began -= saved["seconds"]
            except (KeyError, RuntimeError, ValueError) as error:
                raise CheckpointError(
                    f"{self._unfinished.file} is not of this fine-tuning: {in_one_line(error)}",
                    hint="Remove it: the fine-tuning begins anew.",
                ) from error
            search.reporter.note(f"{search.task.name} {cell.name} goes on behind step {training.done:,}")
        return training

    def _save(self, training: FineTuning) -> None:
        seconds = time.monotonic() - self._began
        state = {"training": training.state_dict(), "best": self._best.state_dict(), "seconds": seconds}
        try:
            self._unfinished.write(state)
        except OSError as error:
            self._search.reporter.note(f"{self._cell.name} cannot be saved: {in_one_line(error)}")

    def _trained(self, training: FineTuning) -> tuple[int, float | None]:
        """The epoch whose weights the model has now, and its score on the rows that choose.

        Where the training diverged and no epoch is worth scoring, epoch 0 and no score.
        """
        search = self._search

        def after_step(done: int, of: int) -> None:
            search.reporter.step(search.task.name, self._cell.name, done, of)
            if self._unfinished.due:
                self._save(training)

        def after_epoch(epoch: int) -> None:
            if search.task.best_epoch:
                self._said.clear()
                self._best.offer(epoch, self._selection(), self._model)

        training.run(search.stop, on_step=after_step, after_epoch=after_epoch)
        self._said.clear()
        if self._best.epoch:
            self._best.put_into(self._model)
            return self._best.epoch, self._best.score
        if not math.isfinite(training.losses[-1]):
            return 0, None
        return len(training.losses), self._selection()

    def _selection(self) -> float | None:
        """The main metric, of several evaluations the mean by their rows: for accuracy that of all rows as one pool."""
        total, count = 0.0, 0
        for evaluation in self._search.selection:
            value = self._score(evaluation)[self._search.task.main_metric]
            if value is None:
                return None
            rows = len(self._search.rows(evaluation.split, evaluation.language))
            total, count = total + value * rows, count + rows
        return total / count

    def _outputs(self, evaluation: Evaluation) -> Outputs:
        """Computed once for the weights that the model has: the rows that choose are often those that are reported."""
        rows = evaluation.split, evaluation.language
        if rows not in self._said:
            self._said[rows] = infer(
                self._model,
                self._search.encoded(*rows),
                pad_token_id=self._search.pad_token_id,
                device=self._search.device,
                precision=self._search.precision,
                stop=self._search.stop,
            )
        return self._said[rows]

    def _score(self, evaluation: Evaluation) -> Scores:
        search, rows = self._search, (evaluation.split, evaluation.language)
        outputs = self._outputs(evaluation)
        return search.task.score(outputs, search.rows(*rows), search.encoded(*rows), evaluation.language)

    def _write(self, folder: Path, evaluation: Evaluation) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        search, rows = self._search, (evaluation.split, evaluation.language)
        files: Mapping[str, str] = search.task.predictions(
            self._outputs(evaluation), search.rows(*rows), search.encoded(*rows), evaluation
        )
        for name, text in files.items():
            replace_durably(folder / name, text.encode())
