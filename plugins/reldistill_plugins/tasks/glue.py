"""The nine tasks of GLUE (Wang et al. 2019), with the paper's search grid (appendix C)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reldistill import Evaluation
from reldistill_plugins.tasks.glue_layout import LAYOUTS, read_split
from reldistill_plugins.tasks.sentences import SentenceTask

if TYPE_CHECKING:
    import numpy as np
    from datasets import Dataset
    from numpy.typing import NDArray

    from reldistill import Encoded
    from reldistill.evaluation.data import DataSource

__all__ = ["GLUE", "GlueTask"]

SERVER_FILES = {
    ("mnli", "test_matched"): "MNLI-m.tsv",
    ("mnli", "test_mismatched"): "MNLI-mm.tsv",
    ("mnli", "test_ax"): "AX.tsv",
} | {(name, "test"): f"{layout.folder}.tsv" for name, layout in LAYOUTS.items() if name != "mnli"}
"""Task and split -> what gluebenchmark.com calls the file."""

BY_NAME = ("mnli", "qnli", "rte")

LEARNING_RATES = (1e-5, 1.5e-5, 2e-5, 3e-5, 5e-5)
EPOCHS = (3, 5, 10)


@dataclass(frozen=True)
class GlueTask(SentenceTask):
    """A task of GLUE. Models are chosen on its development set and reported on it, as in the paper's tables of dev results."""

    dev: tuple[tuple[str, str], ...] = (("dev", "dev"),)
    """Name in the result, and split; the first chooses."""

    def selection(self, languages: Sequence[str]) -> Sequence[Evaluation]:
        """The development set; of MNLI the matched one."""
        name, split = self.dev[0]
        return [Evaluation(name, split)]

    def evaluations(self, languages: Sequence[str]) -> Sequence[Evaluation]:
        """The development set; of MNLI both, apart."""
        return [Evaluation(name, split) for name, split in self.dev]

    def predicted(self) -> Sequence[Evaluation]:
        """The test rows; with MNLI's also the diagnostic ones, which are predicted by its model."""
        return [Evaluation(split, split) for name, split in SERVER_FILES if name == self.name]

    def load(self, source: DataSource, split: str, language: str) -> Dataset:
        """``train``, ``dev`` or ``test``; of MNLI ``dev_matched`` and so on."""
        return read_split(LAYOUTS[self.name], self.labels, source, split)

    def predictions(
        self, outputs: Sequence[NDArray[np.float32]], rows: Dataset, encoded: Encoded, evaluation: Evaluation
    ) -> Mapping[str, str]:
        """Of test rows the file that gluebenchmark.com takes: labels of NLI by name, others by number, scores within 0 to 5."""
        if not evaluation.split.startswith("test"):
            return super().predictions(outputs, rows, encoded, evaluation)
        predicted = self._predicted(outputs).tolist()
        if not self.labels:
            said = [f"{min(5.0, max(0.0, score)):.3f}" for score in predicted]
        else:
            said = [self.labels[code] if self.name in BY_NAME else str(code) for code in predicted]
        lines = ["index\tprediction", *(f"{number}\t{word}" for number, word in enumerate(said))]
        return {SERVER_FILES[self.name, evaluation.split]: "\n".join(lines) + "\n"}


def _task(name: str, labels: tuple[str, ...], metrics: tuple[str, ...], main: str = "", **other: object) -> GlueTask:
    fields = {"epochs": EPOCHS, "learning_rates": LEARNING_RATES} | other
    return GlueTask(name, labels, metrics, main or metrics[0], **fields)  # type: ignore[arg-type]


TWO = ("not_entailment", "entailment")

GLUE = (
    _task("cola", ("unacceptable", "acceptable"), ("matthews",), epochs=(25,)),
    _task("sst2", ("negative", "positive"), ("accuracy",)),
    _task("mrpc", ("not_equivalent", "equivalent"), ("accuracy", "f1")),
    _task("stsb", (), ("pearson", "spearman"), "spearman"),
    _task("qqp", ("not_duplicate", "duplicate"), ("accuracy", "f1")),
    _task(
        "mnli",
        ("entailment", "neutral", "contradiction"),
        ("accuracy",),
        dev=(("matched", "dev_matched"), ("mismatched", "dev_mismatched")),
    ),
    _task("qnli", TWO, ("accuracy",)),
    _task("rte", TWO, ("accuracy",)),
    _task("wnli", TWO, ("accuracy",)),
)
