"""What a task must say of its rows, whatever they look like."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets import Dataset

    from reldistill import Evaluation
    from reldistill.evaluation.data import DataSource

__all__ = ["TaskWithSplits"]


class TaskWithSplits:
    """The part of :class:`reldistill.EvalTask` that tells which rows there are, and where they come from."""

    @abstractmethod
    def selection(self, languages: Sequence[str]) -> Sequence[Evaluation]:
        """See :class:`reldistill.EvalTask`."""

    @abstractmethod
    def evaluations(self, languages: Sequence[str]) -> Sequence[Evaluation]:
        """See :class:`reldistill.EvalTask`."""

    def predicted(self) -> Sequence[Evaluation]:
        """None."""
        return []

    @abstractmethod
    def load(self, source: DataSource, split: str, language: str) -> Dataset:
        """See :class:`reldistill.EvalTask`."""
