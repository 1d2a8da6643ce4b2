"""What SQuAD 2.0 and MLQA have in common: windows as features, spans as targets, answers out of logits."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reldistill import Encoded, Evaluation
from reldistill.evaluation.model import model_with_head
from reldistill.evaluation.question_answering.best_answers import BestAnswers, best_answers
from reldistill.evaluation.question_answering.question import Question
from reldistill.evaluation.question_answering.spans import answer_tokens
from reldistill.evaluation.question_answering.windows import Window, cut_windows
from reldistill_plugins.tasks.splits import TaskWithSplits

if TYPE_CHECKING:
    from datasets import Dataset
    from numpy.typing import NDArray
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from reldistill.eval_task import Scores

__all__ = ["ReadingTask", "as_rows", "questions_of"]

COLUMNS = ("id", "question", "context", "answers", "answer_starts")


def as_rows(questions: Iterable[Question]) -> Dataset:
    """Questions as rows of a data set."""
    from datasets import Dataset, Features, Sequence, Value

    features = Features(
        id=Value("string"), question=Value("string"), context=Value("string"), answers=Sequence(Value("string")),
        answer_starts=Sequence(Value("int64")),
    )  # fmt: skip
    table: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for question in questions:
        for name in COLUMNS:
            value = getattr(question, name)
            table[name].append(list(value) if isinstance(value, tuple) else value)
    return Dataset.from_dict(table, features=features)


@dataclass(frozen=True)
class ReadingTask(TaskWithSplits):
    """Answers are spans of a context, cut into windows of ``max_length`` tokens every ``doc_stride`` tokens."""

    name: str
    epochs: tuple[int, ...]
    learning_rates: tuple[float, ...]
    max_length: int
    languages: tuple[str, ...] = ("en",)
    main_metric: str = "f1"
    batch_size: int = 32
    best_epoch: bool = False
    doc_stride: int = 128
    n_best: int = 20
    max_answer_length: int = 30

    @property
    def family(self) -> str:
        """Its own name."""
        return self.name

    @abstractmethod
    def scored(self, questions: Sequence[Question], best: Mapping[str, BestAnswers], language: str) -> Scores:
        """The official scores of the best answers, in percent."""

    @abstractmethod
    def answer(self, best: BestAnswers) -> str:
        """What is answered: the best span, or nothing."""

    def model(self, checkpoint: Path, *, fine_tuned: bool) -> PreTrainedModel:
        """A start and an end logit for each token."""
        return model_with_head("question-answering", checkpoint, fine_tuned=fine_tuned)

    def encode(self, rows: Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int) -> Encoded:
        """A feature a window; targets are the tokens of the first gold answer, or the null position."""
        questions = questions_of(rows)
        windows = list(cut_windows(questions, tokenizer, max_length=max_length, doc_stride=self.doc_stride))
        spans = []
        for window in windows:
            asked = questions[window.question]
            if asked.answers:
                start = asked.answer_starts[0]
                spans.append(answer_tokens(window, start, start + len(asked.answers[0])))
            else:
                spans.append((window.null_position, window.null_position))
        ends = np.array(spans, np.int64).reshape(-1, 2)
        typed = bool(windows) and windows[0].token_type_ids is not None
        return Encoded(
            [window.input_ids for window in windows],
            [window.token_type_ids for window in windows if window.token_type_ids is not None] if typed else None,
            {"start_positions": ends[:, 0], "end_positions": ends[:, 1]},
            {
                "offsets": [window.offsets.reshape(-1) for window in windows],
                "maximum_context": [window.maximum_context for window in windows],
                "place": [np.array([w.question, *w.covers, w.null_position], np.int64) for w in windows],
            },
        )

    def score(self, outputs: Sequence[NDArray[np.float32]], rows: Dataset, encoded: Encoded, language: str) -> Scores:
        """The official scores; ``language`` is that of the contexts."""
        questions = questions_of(rows)
        return self.scored(questions, self._best(outputs, questions, encoded), language)

    def predictions(
        self, outputs: Sequence[NDArray[np.float32]], rows: Dataset, encoded: Encoded, evaluation: Evaluation
    ) -> Mapping[str, str]:
        """``NAME-predictions.json`` for the official script, and the n best answers of each question with their scores."""
        best = self._best(outputs, questions_of(rows), encoded)
        n_best = {
            name: [
                {"text": a.text, "start": a.start, "end": a.end, "score": a.score, "probability": a.probability}
                for a in found.answers
            ]
            for name, found in best.items()
        }
        return {
            f"{evaluation.name}-predictions.json": _json({name: self.answer(found) for name, found in best.items()}),
            f"{evaluation.name}-nbest.json": _json(n_best),
        }

    def _best(
        self, outputs: Sequence[NDArray[np.float32]], questions: Sequence[Question], encoded: Encoded
    ) -> dict[str, BestAnswers]:
        of_question: dict[int, list[int]] = {}
        for feature, place in enumerate(encoded.about["place"]):
            of_question.setdefault(int(place[0]), []).append(feature)
        found = {}
        for number, features in of_question.items():
            longest = max(outputs[i].shape[1] for i in features)
            logits = np.zeros((2, len(features), longest), np.float32)
            for row, i in enumerate(features):
                logits[:, row, : outputs[i].shape[1]] = outputs[i]
            question = questions[number]
            found[question.id] = best_answers(
                question, [_window(encoded, i) for i in features], logits[0], logits[1], n_best=self.n_best,
                max_answer_length=self.max_answer_length,
            )  # fmt: skip
        return found


def _window(encoded: Encoded, feature: int) -> Window:
    question, first, last, null = encoded.about["place"][feature].tolist()
    types = encoded.token_type_ids
    return Window(
        question, encoded.input_ids[feature], None if types is None else types[feature],
        encoded.about["offsets"][feature].reshape(-1, 2), encoded.about["maximum_context"][feature], (first, last), null,
    )  # fmt: skip


def questions_of(rows: Dataset) -> list[Question]:
    """The other way round."""
    return [
        Question(row["id"], row["question"], row["context"], tuple(row["answers"]), tuple(row["answer_starts"]))
        for row in rows
    ]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
