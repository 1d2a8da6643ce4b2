"""The search over a task's hyperparameters: rows, cells, and what each of them scores."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from reldistill.checkpoint.durable import replace_durably
from reldistill.distillation.random_state import random_state, restore_random_state
from reldistill.errors import UsageError
from reldistill.evaluation.cells import Cell, CellResult
from reldistill.evaluation.data import content_sha256
from reldistill.evaluation.encoded_cache import encoded_once
from reldistill.evaluation.fine_tuning import Recipe, fine_tune
from reldistill.evaluation.inference import infer
from reldistill.evaluation.positions import longest_sequence

if TYPE_CHECKING:
    import numpy as np
    from datasets import Dataset
    from numpy.typing import NDArray

    from reldistill.eval_task import Encoded, EvalTask, Evaluation, Scores
    from reldistill.evaluation.config import EvalPlan
    from reldistill.evaluation.data import DataSource
    from reldistill.evaluation.encoder import EvaluatedEncoder
    from reldistill.evaluation.reporter import EvalReporter
    from reldistill.stop import Stop

__all__ = ["SUBMISSION", "Search"]

SUBMISSION = "submission"
"""Folder of what was predicted for rows without labels, in the layout of their server."""

Outputs = list["NDArray[np.float32]"]


@dataclass
class Search:
    """One task, one encoder."""

    task: EvalTask
    encoder: EvaluatedEncoder
    source: DataSource
    plan: EvalPlan
    device: torch.device
    precision: torch.dtype
    reporter: EvalReporter
    stop: Stop
    code: str = ""
    """What the task's code is known by where it is another distribution's: what it made before is not taken for its own."""
    data: dict[str, str] = field(default_factory=dict, init=False)
    """What the scores come from -> SHA-256."""
    loaded: dict[tuple[str, str], Dataset] = field(default_factory=dict, init=False)
    """Split and language -> rows."""
    _encoded: dict[tuple[str, str], Encoded] = field(default_factory=dict, init=False)

    @property
    def as_it_is(self) -> bool:
        """Whether the model had been fine-tuned before and is only scored."""
        return self.plan.epochs == (0,)

    @property
    def cells(self) -> list[Cell]:
        """The grid."""
        return [
            Cell(rate, epochs, seed)
            for rate in self.plan.learning_rates
            for epochs in self.plan.epochs
            for seed in self.plan.seeds
        ]

    @property
    def selection(self) -> list[Evaluation]:
        """The rows that choose."""
        return list(self.task.selection(self.plan.languages))

    @property
    def evaluations(self) -> list[Evaluation]:
        """The rows that are reported."""
        found = list(self.task.evaluations(self.plan.languages))
        return [replace(e, split=e.split.replace("test", "dev")) for e in found] if self.plan.score_on_dev else found

    @property
    def predicted(self) -> list[Evaluation]:
        """The rows without labels that are predicted for a server."""
        return list(self.task.predicted()) if self.plan.predict_test else []

    def load(self) -> None:
        """Read all rows that will be needed: what is missing is said before anything is trained."""
        if not self.as_it_is:
            for language in self.plan.train_languages:
                self.rows("train", language)
        for evaluation in (*self.selection, *self.evaluations):
            self.rows(evaluation.split, evaluation.language)
        self.data = dict(self.source.used)
        for evaluation in self.predicted:
            self.rows(evaluation.split, evaluation.language)
        tokenizer: Any = self.encoder.tokenizer
        if self.plan.max_length < (least := tokenizer.num_special_tokens_to_add(pair=True) + 2):
            raise UsageError(f"--max-length {self.plan.max_length}: two texts need {least} tokens at least")
        longest = longest_sequence(self.encoder.config)
        if longest is not None and self.plan.max_length > longest:
            raise UsageError(
                f"{self.task.name}: {self.plan.max_length} tokens, but {self.encoder.name} has positions for {longest}",
                hint=f"Pass --max-length {longest} or less.",
            )

    @property
    def predicted_sha256(self) -> str | None:
        """Of the rows without labels; None where none are predicted."""
        if not self.predicted:
            return None
        rows = [content_sha256(self.rows(e.split, e.language)) for e in self.predicted]
        return hashlib.sha256(" ".join(rows).encode()).hexdigest()

    def rows(self, split: str, language: str) -> Dataset:
        """Rows of a split, read once."""
        if (split, language) not in self.loaded:
            self.loaded[split, language] = self.task.load(self.source, split, language)
        return self.loaded[split, language]

    def encoded(self, split: str, language: str) -> Encoded:
        """The same as features, tokenised once for all cells, and for all searches on this machine."""
        if (split, language) not in self._encoded:
            rows = self.rows(split, language)
            key = {
                "task": self.task.name, "rows": content_sha256(rows), "tokenizer": self.encoder.tokenizer_sha256,
                "max_length": self.plan.max_length,
            } | ({"code": self.code} if self.code else {})  # fmt: skip
            length = self.plan.max_length
            self._encoded[split, language] = encoded_once(
                key, lambda: self.task.encode(rows, self.encoder.tokenizer, length)
            )
        return self._encoded[split, language]

    def run(self, cell: Cell, predictions: Path) -> CellResult:
        """Fine-tune and score; what was predicted goes into ``predictions``. Leaves torch's generators as they were."""
        began = time.monotonic()
        drawn = random_state(self.device)
        try:
            torch.manual_seed(cell.seed)  # for the head; the training seeds anew
            model = self.task.model(self.encoder.folder, fine_tuned=self.as_it_is)
            model.to(self.device)  # type: ignore[arg-type]
            losses, epoch, selection = self._trained(model, cell)
            scores: dict[str, Scores] = {}
            for evaluation in self.evaluations if epoch else []:
                outputs = self._infer(model, evaluation)
                scores[evaluation.name] = self._score(outputs, evaluation)
                self._write(predictions, outputs, evaluation)
            for evaluation in self.predicted if epoch else []:
                self._write(predictions / SUBMISSION, self._infer(model, evaluation), evaluation)
        finally:
            restore_random_state(drawn, self.device)
        finite = tuple(loss if math.isfinite(loss) else None for loss in losses)
        seconds = round(time.monotonic() - began, 2)
        return CellResult(cell, selection, scores, epoch, finite, seconds, self.predicted_sha256)

    def _trained(self, model: Any, cell: Cell) -> tuple[list[float], int, float | None]:
        """Losses, the epoch whose weights the model has now, and its score on the rows that choose.

        Where the training diverged and no epoch is worth scoring, epoch 0 and no score.
        """
        if self.as_it_is:
            return [], 1, self._select(model)
        best: tuple[float, int, dict[str, torch.Tensor]] | None = None

        def after_epoch(epoch: int) -> None:
            nonlocal best
            if not self.task.best_epoch:
                return
            score = self._select(model)
            if best is None or (score is not None and score > best[0]):
                state = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
                best = (float("-inf") if score is None else score, epoch, state)

        losses = fine_tune(
            model,
            self._training(),
            Recipe(cell.learning_rate, cell.epochs, cell.seed, self.plan.batch_size),
            pad_token_id=self._pad(),
            device=self.device,
            precision=self.precision,
            stop=self.stop,
            on_step=lambda done, of: self.reporter.step(self.task.name, cell.name, done, of),
            after_epoch=after_epoch,
        )
        if best is not None:
            model.load_state_dict(best[2])
            return losses, best[1], None if best[0] == float("-inf") else best[0]
        if not math.isfinite(losses[-1]):
            return losses, 0, None
        return losses, len(losses), self._select(model)

    def _training(self) -> Encoded:
        parts = [self.encoded("train", language) for language in self.plan.train_languages]
        return parts[0] if len(parts) == 1 else _joined(parts)

    def _select(self, model: Any) -> float | None:
        """The main metric, of several evaluations the mean by their rows: for accuracy that of all rows as one pool."""
        total, count = 0.0, 0
        for evaluation in self.selection:
            value = self._score(self._infer(model, evaluation), evaluation)[self.task.main_metric]
            if value is None:
                return None
            rows = len(self.rows(evaluation.split, evaluation.language))
            total, count = total + value * rows, count + rows
        return total / count

    def _infer(self, model: Any, evaluation: Evaluation) -> Outputs:
        return infer(
            model,
            self.encoded(evaluation.split, evaluation.language),
            pad_token_id=self._pad(),
            device=self.device,
            precision=self.precision,
            stop=self.stop,
        )

    def _score(self, outputs: Outputs, evaluation: Evaluation) -> Scores:
        rows = self.rows(evaluation.split, evaluation.language)
        return self.task.score(outputs, rows, self.encoded(evaluation.split, evaluation.language), evaluation.language)

    def _write(self, folder: Path, outputs: Outputs, evaluation: Evaluation) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        rows = self.rows(evaluation.split, evaluation.language)
        encoded = self.encoded(evaluation.split, evaluation.language)
        files: Mapping[str, str] = self.task.predictions(outputs, rows, encoded, evaluation)
        for name, text in files.items():
            replace_durably(folder / name, text.encode())

    def _pad(self) -> int:
        return int(getattr(self.encoder.tokenizer, "pad_token_id", None) or 0)


def _joined(parts: Sequence[Encoded]) -> Encoded:
    import numpy as np

    from reldistill.eval_task import Encoded

    def of_all(rows: Iterable[Any]) -> list[Any]:
        return [row for part in rows for row in part]

    types = [part.token_type_ids for part in parts]
    return Encoded(
        of_all(part.input_ids for part in parts),
        None if types[0] is None else of_all(types),
        {name: np.concatenate([part.targets[name] for part in parts]) for name in parts[0].targets},
        {name: of_all(part.about[name] for part in parts) for name in parts[0].about},
    )
