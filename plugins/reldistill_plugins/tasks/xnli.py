"""XNLI (Conneau et al. 2018): trained on English MNLI, scored on 15 languages, with the paper's search grid (appendix C)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reldistill import Evaluation
from reldistill_plugins.tasks.sentences import SentenceTask
from reldistill_plugins.tasks.xnli_layout import read_labelled, read_training

if TYPE_CHECKING:
    from datasets import Dataset

    from reldistill.evaluation.data import DataSource

__all__ = ["XNLI", "XnliTask"]


@dataclass(frozen=True)
class XnliTask(SentenceTask):
    """One model is chosen for all languages, on their development sets as one pool; the test sets are reported."""

    def selection(self, languages: Sequence[str]) -> Sequence[Evaluation]:
        """The development set of each language."""
        return [Evaluation(language, "dev", language) for language in languages]

    def evaluations(self, languages: Sequence[str]) -> Sequence[Evaluation]:
        """The test set of each language."""
        return [Evaluation(language, "test", language) for language in languages]

    def load(self, source: DataSource, split: str, language: str) -> Dataset:
        """``train``: MNLI, or its translation into ``language``; ``dev`` and ``test``: XNLI's own rows of the language."""
        if split == "train":
            return read_training(source, self.labels, language)
        return read_labelled(source, self.labels, split, language)


XNLI = XnliTask(
    name="xnli",
    labels=("entailment", "neutral", "contradiction"),
    metrics=("accuracy",),
    main_metric="accuracy",
    epochs=(5,),
    learning_rates=(3e-5, 4e-5, 5e-5, 6e-5),
    batch_size=128,
    family="xnli",
    languages=("en", "fr", "es", "de", "el", "bg", "ru", "tr", "ar", "vi", "th", "zh", "hi", "sw", "ur"),
    best_epoch=True,
)
