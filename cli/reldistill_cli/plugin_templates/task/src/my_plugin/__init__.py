"""A task for ``minictl eval my-plugin``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reldistill import EvalTask, Evaluation, hookimpl
from reldistill.evaluation.data import read_tsv
from reldistill_plugins.tasks.sentences import SentenceTask

if TYPE_CHECKING:
    from datasets import Dataset

    from reldistill.evaluation.data import DataSource

reldistill_api = 1

LAYOUT = "train.tsv\ndev.tsv   (columns text and label, separated by tabs)"


@dataclass(frozen=True)
class Questions(SentenceTask):
    """Whether a sentence asks something, by accuracy and F1 in percent::

        accuracy = 100 · right / all
        F1 = 100 · 2 · true positives / (2 · true positives + false positives + false negatives)

    The second label, question, is the positive one.
    """

    def selection(self, languages: Sequence[str]) -> Sequence[Evaluation]:
        """The development set."""
        return [Evaluation("dev", "dev")]

    def evaluations(self, languages: Sequence[str]) -> Sequence[Evaluation]:
        """The same."""
        return [Evaluation("dev", "dev")]

    def load(self, source: DataSource, split: str, language: str) -> Dataset:
        """``index``, ``text`` and ``label`` of ``SPLIT.tsv``. Raises DataError where it is not there."""
        from datasets import Dataset

        file = source.find([f"{split}.tsv"])
        if file is None:
            raise source.missing(f"{split} rows", LAYOUT)
        rows = read_tsv(source.note(file))
        columns = {"index": [str(number) for number in range(len(rows))]}
        columns |= {name: [row[name] for row in rows] for name in ("text", "label")}
        return Dataset.from_dict(columns)


@hookimpl
def reldistill_tasks() -> Iterable[EvalTask]:
    return [
        Questions(
            name="my-plugin", labels=("statement", "question"), metrics=("accuracy", "f1"), main_metric="accuracy",
            epochs=(3, 5), learning_rates=(2e-5, 5e-5), family="my-plugin",
        )
    ]  # fmt: skip
