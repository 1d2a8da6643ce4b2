"""What the toolkit must know of a downstream task to fine-tune and score an encoder on it: the contract of a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from datasets import Dataset
    from numpy.typing import NDArray
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from reldistill.evaluation.data import DataSource

__all__ = ["Encoded", "EvalTask", "Evaluation", "Scores"]

Scores = Mapping[str, float | None]
"""Metric -> its value in percent; None where it is not defined, as a correlation with a constant."""


@dataclass(frozen=True)
class Evaluation:
    """Rows that get scores of their own: a split in a language, under the name that it has in the result."""

    name: str
    split: str
    language: str = "en"


@dataclass(frozen=True)
class Encoded:
    """Rows as the model takes them. One feature is one sequence; a row may give several.

    ``input_ids`` and, where the tokenizer has them, ``token_type_ids``: int32 ``[tokens]`` a feature, with special tokens.
    ``targets``: name of an argument of the model -> one number a feature (``labels``, or ``start_positions`` …); empty
    where there are no labels. ``about``: whatever else :meth:`EvalTask.score` wants to know of each feature.
    """

    input_ids: Sequence[NDArray[np.int32]]
    token_type_ids: Sequence[NDArray[np.int32]] | None = None
    targets: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    about: Mapping[str, Sequence[NDArray[Any]]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.input_ids)


@runtime_checkable
class EvalTask(Protocol):
    """A task. Its numbers are the defaults that a search over hyperparameters starts from."""

    @property
    def name(self) -> str:
        """What stands behind ``minictl eval``."""
        ...

    @property
    def family(self) -> str:
        """The benchmark it belongs to, which names a table of ``minictl report``: ``glue``, ``xnli``, or its own name."""
        ...

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that it has rows in."""
        ...

    @property
    def learning_rates(self) -> tuple[float, ...]:
        """Peak learning rates to choose from."""
        ...

    @property
    def epochs(self) -> tuple[int, ...]:
        """Numbers of epochs to choose from."""
        ...

    @property
    def max_length(self) -> int:
        """Longest sequence, in tokens."""
        ...

    @property
    def batch_size(self) -> int:
        """Features in a batch."""
        ...

    @property
    def main_metric(self) -> str:
        """The metric that models are chosen by, of those in :meth:`score`."""
        ...

    @property
    def best_epoch(self) -> bool:
        """Whether the best epoch of a training is kept (early stopping), not its last."""
        ...

    def selection(self, languages: Sequence[str]) -> Sequence[Evaluation]:
        """The rows by which learning rate, epochs and epoch are chosen; several count as one pool."""
        ...

    def evaluations(self, languages: Sequence[str]) -> Sequence[Evaluation]:
        """What is scored and reported, each apart; where there are several languages, their mean is reported too."""
        ...

    def predicted(self) -> Sequence[Evaluation]:
        """Rows without labels that a server scores; empty where the task has none."""
        ...

    def load(self, source: DataSource, split: str, language: str) -> Dataset:
        """Rows of a split: ``train``, or one that :meth:`selection` or :meth:`evaluations` name, or ``test``.

        Raises :class:`reldistill.errors.DataError` where the source does not have them.
        """
        ...

    def model(self, checkpoint: Path, *, fine_tuned: bool) -> PreTrainedModel:
        """The encoder with this task's head: a new one, or with ``fine_tuned`` that of the checkpoint, labels by name."""
        ...

    def encode(self, rows: Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int) -> Encoded:
        """Rows as features of at most ``max_length`` tokens."""
        ...

    def score(self, outputs: Sequence[NDArray[np.float32]], rows: Dataset, encoded: Encoded, language: str) -> Scores:
        """Metrics in percent. ``outputs``: for each feature the logits: ``[labels]``, or ``[2, tokens]`` for answers."""
        ...

    def predictions(
        self, outputs: Sequence[NDArray[np.float32]], rows: Dataset, encoded: Encoded, evaluation: Evaluation
    ) -> Mapping[str, str]:
        """Name of a file -> its text: what was predicted, in the layout that the official script or server reads."""
        ...
