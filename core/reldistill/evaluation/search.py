"""The search over a task's hyperparameters: its cells, and the rows that they all share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch

from reldistill.errors import UsageError
from reldistill.evaluation.cells import Cell
from reldistill.evaluation.data import content_sha256
from reldistill.evaluation.encoded_cache import encoded_once
from reldistill.evaluation.positions import longest_sequence

if TYPE_CHECKING:
    from datasets import Dataset

    from reldistill.config import EvalPlan
    from reldistill.eval_task import Encoded, EvalTask, Evaluation
    from reldistill.evaluation.data import DataSource
    from reldistill.evaluation.encoder import EvaluatedEncoder
    from reldistill.evaluation.reporter import EvalReporter
    from reldistill.stop import Stop

__all__ = ["Search"]


@dataclass
class Search:
    """One task, one encoder. ``code``: what the code of the task is known by."""

    task: EvalTask
    code: str
    encoder: EvaluatedEncoder
    source: DataSource
    plan: EvalPlan
    device: torch.device
    precision: torch.dtype
    reporter: EvalReporter
    stop: Stop
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
                "task": self.task.name, "code": self.code, "rows": content_sha256(rows), "tokenizer": self.encoder.tokenizer_sha256,
                "max_length": self.plan.max_length,
            }  # fmt: skip
            length = self.plan.max_length
            self._encoded[split, language] = encoded_once(
                key, lambda: self.task.encode(rows, self.encoder.tokenizer, length)
            )
        return self._encoded[split, language]

    @property
    def training(self) -> Encoded:
        """The rows to train on, of all languages together."""
        parts = [self.encoded("train", language) for language in self.plan.train_languages]
        return parts[0] if len(parts) == 1 else _joined(parts)

    @property
    def pad_token_id(self) -> int:
        """What stands where a batch has no token; it is masked."""
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
