"""What tasks on one sentence or two have in common: encoding, the head, scores, predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reldistill import Encoded, Evaluation
from reldistill.evaluation import metrics
from reldistill.evaluation.model import model_with_head
from reldistill_plugins.tasks.splits import TaskWithSplits

if TYPE_CHECKING:
    from datasets import Dataset
    from numpy.typing import NDArray
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from reldistill.eval_task import Scores

__all__ = ["SentenceTask"]

METRICS = {
    "accuracy": metrics.accuracy,
    "f1": metrics.f1,
    "matthews": metrics.matthews,
    "pearson": metrics.pearson,
    "spearman": metrics.spearman,
}


@dataclass(frozen=True)
class SentenceTask(TaskWithSplits):
    """A task whose rows have ``text``, perhaps ``text_pair``, and a ``label``: a name of ``labels``, or a number without them.

    Of two labels, the second is the positive one of F1.
    """

    name: str
    labels: tuple[str, ...]
    metrics: tuple[str, ...]
    main_metric: str
    epochs: tuple[int, ...]
    learning_rates: tuple[float, ...]
    batch_size: int = 32
    max_length: int = 128
    family: str = "glue"
    languages: tuple[str, ...] = ("en",)
    best_epoch: bool = False

    def model(self, checkpoint: Path, *, fine_tuned: bool) -> PreTrainedModel:
        """A classifier, or with one output a regression."""
        return model_with_head("sequence-classification", checkpoint, self.labels, fine_tuned=fine_tuned)

    def encode(self, rows: Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int) -> Encoded:
        """One feature a row; of two texts the longer one is cut first."""
        texts = list(rows["text"])
        pairs = (list(rows["text_pair"]),) if "text_pair" in rows.column_names else ()
        found: Any = tokenizer(texts, *pairs, truncation=True, max_length=max_length, return_attention_mask=False)
        targets: dict[str, NDArray[Any]] = {}
        if "label" in rows.column_names:
            if self.labels:
                number = {label: i for i, label in enumerate(self.labels)}
                targets["labels"] = np.array([number[label] for label in rows["label"]], np.int64)
            else:
                targets["labels"] = np.array(rows["label"], np.float32)
        types = found.get("token_type_ids")
        return Encoded(
            [np.array(ids, np.int32) for ids in found["input_ids"]],
            None if types is None else [np.array(ids, np.int32) for ids in types],
            targets,
        )

    def score(self, outputs: Sequence[NDArray[np.float32]], rows: Dataset, encoded: Encoded, language: str) -> Scores:
        """The task's metrics on what the logits say."""
        gold = np.array(rows["label"])
        predicted: NDArray[Any] = self._predicted(outputs)
        if not self.labels:
            return {name: METRICS[name](predicted, gold) for name in self.metrics}
        codes = np.array([self.labels.index(label) for label in gold], np.int64)
        return {name: METRICS[name](predicted, codes) for name in self.metrics}

    def predictions(
        self, outputs: Sequence[NDArray[np.float32]], rows: Dataset, encoded: Encoded, evaluation: Evaluation
    ) -> Mapping[str, str]:
        """``NAME.tsv`` with index and prediction; labels by name, numbers with all digits."""
        predicted = self._predicted(outputs)
        said = (
            [self.labels[code] for code in predicted.tolist()]
            if self.labels
            else [repr(value) for value in predicted.tolist()]
        )
        lines = ["index\tprediction", *(f"{index}\t{word}" for index, word in zip(rows["index"], said, strict=True))]
        return {f"{evaluation.name}.tsv": "\n".join(lines) + "\n"}

    def _predicted(self, outputs: Sequence[NDArray[np.float32]]) -> NDArray[Any]:
        logits = np.stack(list(outputs)) if len(outputs) else np.zeros((0, max(1, len(self.labels))), np.float32)
        return logits.argmax(axis=1) if self.labels else logits[:, 0].astype(np.float64)
