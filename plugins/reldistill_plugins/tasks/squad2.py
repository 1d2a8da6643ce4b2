"""SQuAD 2.0 (Rajpurkar et al. 2018), with the paper's search grid (appendix C)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reldistill import DataError, Evaluation
from reldistill.evaluation.question_answering.squad_score import squad2_scores
from reldistill_plugins.tasks.reading import ReadingTask, questions_of
from reldistill_plugins.tasks.reading_layout import read_squad

if TYPE_CHECKING:
    import numpy as np
    from datasets import Dataset
    from numpy.typing import NDArray

    from reldistill import Encoded
    from reldistill.eval_task import Scores
    from reldistill.evaluation.data import DataSource
    from reldistill.evaluation.question_answering.best_answers import BestAnswers
    from reldistill.evaluation.question_answering.question import Question

__all__ = ["SQUAD2", "Squad2Task"]

NAMES = {
    "train": ("train-v2.0.json", "*train*v2*.json", "train.json"),
    "dev": ("dev-v2.0.json", "*dev*v2*.json", "dev.json"),
}


@dataclass(frozen=True)
class Squad2Task(ReadingTask):
    """Some questions have no answer: nothing is answered where the null odds are above 0."""

    def selection(self, languages: Sequence[str]) -> Sequence[Evaluation]:
        """The development set."""
        return [Evaluation("dev", "dev")]

    def evaluations(self, languages: Sequence[str]) -> Sequence[Evaluation]:
        """The development set, as in the paper."""
        return [Evaluation("dev", "dev")]

    def load(self, source: DataSource, split: str, language: str) -> Dataset:
        """``train`` or ``dev``."""
        rows = read_squad(source, NAMES[split], ("", "squad2", "squad", "SQuAD"), "rajpurkar/squad_v2", split)
        if all(rows["answers"]):
            raise DataError(
                f"each {split} question for SQuAD 2.0 has an answer: these are SQuAD 1.1's",
                hint=f"Put {NAMES[split][0]} into the folder.",
            )
        return rows

    def answer(self, best: BestAnswers) -> str:
        """The best span, nothing where the null odds are above 0."""
        return best.text_or_none()

    def scored(self, questions: Sequence[Question], best: Mapping[str, BestAnswers], language: str) -> Scores:
        """``exact`` and ``f1`` at threshold 0, the same of questions with and without answers, and at the best threshold."""
        odds = {name: found.null_odds for name, found in best.items()}
        found = squad2_scores(questions, {name: b.text for name, b in best.items()}, odds, threshold=0.0)
        return {name: value for name, value in found.items() if not name.endswith("total")}

    def predictions(
        self, outputs: Sequence[NDArray[np.float32]], rows: Dataset, encoded: Encoded, evaluation: Evaluation
    ) -> Mapping[str, str]:
        """Also the null odds, and the best spans, which the official script takes with ``--na-prob-file``."""
        files = super().predictions(outputs, rows, encoded, evaluation)
        best = self._best(outputs, questions_of(rows), encoded)
        spans = {name: found.text for name, found in best.items()}
        odds = {name: found.null_odds for name, found in best.items()}
        return {
            **files,
            f"{evaluation.name}-spans.json": json.dumps(spans, ensure_ascii=False, indent=1) + "\n",
            f"{evaluation.name}-null-odds.json": json.dumps(odds, indent=1) + "\n",
        }


SQUAD2 = Squad2Task("squad2", epochs=(3,), learning_rates=(3e-5, 6e-5, 8e-5, 9e-5), max_length=384)
