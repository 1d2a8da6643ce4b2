"""MLQA (Lewis et al. 2019): trained on SQuAD 1.1, scored in seven languages; the grid is METHOD.md's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reldistill import DataError, Evaluation, UsageError
from reldistill.evaluation.question_answering.mlqa_score import mlqa_scores
from reldistill_plugins.tasks.reading import ReadingTask
from reldistill_plugins.tasks.reading_layout import read_mlqa, read_squad

if TYPE_CHECKING:
    from datasets import Dataset

    from reldistill.eval_task import Scores
    from reldistill.evaluation.data import DataSource
    from reldistill.evaluation.question_answering.best_answers import BestAnswers
    from reldistill.evaluation.question_answering.question import Question

__all__ = ["MLQA", "MlqaTask"]

TRAINING = ("train-v1.1.json", "*squad1*train*.json", "*train*v1*.json", "train.json")
PLACES = ("", "squad1", "squad1.1", "squad", "SQuAD", "squad2")


@dataclass(frozen=True)
class MlqaTask(ReadingTask):
    """Every question has an answer. Of each run the epoch is kept that is best on the English development set."""

    def selection(self, languages: Sequence[str]) -> Sequence[Evaluation]:
        """The English development set."""
        return [Evaluation("en", "dev", "en")]

    def evaluations(self, languages: Sequence[str]) -> Sequence[Evaluation]:
        """The test set of each language, question and context in the same; of ``ar-en`` the context is Arabic."""
        return [Evaluation(language, "test", language) for language in languages]

    def load(self, source: DataSource, split: str, language: str) -> Dataset:
        """``train``: SQuAD 1.1; ``dev`` and ``test``: MLQA's rows of the language, ``es`` or CONTEXT-QUESTION as ``es-en``."""
        if split == "train":
            if language != "en":
                raise UsageError(
                    f"mlqa is trained on English questions, not on {language!r}", hint="Leave out --train-languages."
                )
            rows = read_squad(source, TRAINING, PLACES, "rajpurkar/squad", "train")
            if without := sum(not answers for answers in rows["answers"]):
                raise DataError(
                    f"{without:,} training questions for MLQA have no answer: these are SQuAD 2.0's",
                    hint="It is trained on SQuAD 1.1: put train-v1.1.json into the folder.",
                )
            return rows
        context, _, question = language.partition("-")
        return read_mlqa(source, split, context, question or context)

    def answer(self, best: BestAnswers) -> str:
        """The best span."""
        return best.text

    def scored(self, questions: Sequence[Question], best: Mapping[str, BestAnswers], language: str) -> Scores:
        """``f1`` and ``exact_match``, normalised as the context's language asks for."""
        found = mlqa_scores(questions, {name: b.text for name, b in best.items()}, language.partition("-")[0])
        return {"f1": found["f1"], "exact_match": found["exact_match"]}


LANGUAGES = ("en", "es", "de", "ar", "hi", "vi", "zh")

MLQA = MlqaTask(
    "mlqa", epochs=(3,), learning_rates=(3e-5, 4e-5, 5e-5, 6e-5), max_length=512, languages=LANGUAGES, best_epoch=True
)
