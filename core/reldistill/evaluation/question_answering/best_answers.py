"""From a reader's logits to answers: the n best spans of all windows of a question, and the odds of none.

As in BERT's ``run_squad.py``, except that starts and ends are the best of the context's tokens, not of all tokens: what
the model gives to the question or a separator takes no place from an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reldistill.errors import DataError
from reldistill.evaluation.question_answering.question import Question
from reldistill.evaluation.question_answering.windows import Window

__all__ = ["NO_SPAN_ODDS", "Answer", "BestAnswers", "best_answers"]

NO_SPAN_ODDS = float(np.finfo(np.float32).max)
"""The null odds of a question without any valid span: above every threshold, and a number that JSON has."""


@dataclass(frozen=True)
class Answer:
    """A span of the context. ``score``: start plus end logit. ``probability``: softmax of the scores of the n best."""

    text: str
    start: int
    end: int
    score: float
    probability: float


@dataclass(frozen=True)
class BestAnswers:
    """The n best answers, best first, all of different text; empty where no span is valid.

    ``null_score``: start plus end logit of CLS in the window where they are lowest. ``null_odds``: ``null_score`` minus
    the best answer's score, :data:`NO_SPAN_ODDS` where there is no answer.
    """

    answers: tuple[Answer, ...]
    null_score: float
    null_odds: float

    @property
    def text(self) -> str:
        """The best answer, also where none is likelier (SQuAD 1.1, MLQA); ``""`` where no span is valid."""
        return self.answers[0].text if self.answers else ""

    def text_or_none(self, threshold: float = 0.0) -> str:
        """The best answer, ``""`` where the null odds exceed the threshold (SQuAD 2.0)."""
        return "" if self.null_odds > threshold else self.text


def best_answers(
    question: Question,
    windows: Sequence[Window],
    start_logits: NDArray[np.float32],
    end_logits: NDArray[np.float32],
    *,
    n_best: int = 20,
    max_answer_length: int = 30,
) -> BestAnswers:
    """Answers of one question from the logits ``[windows, longest]`` of all its windows, row i of ``windows[i]``.

    What stands in a row behind the window's tokens is padding and not read. A span starts at one of the window's
    ``n_best`` starts that have their maximum context there, ends at one of its ``n_best`` ends, and has at most
    ``max_answer_length`` tokens. Among equal scores the earlier window, start and end win. Raises :class:`DataError` for
    logits that are no finite numbers, :class:`ValueError` for arrays of another shape.
    """
    if not windows or start_logits.shape != end_logits.shape or len(start_logits) != len(windows):
        raise ValueError(
            f"question {question.id!r}: {len(windows)} windows, start logits {start_logits.shape}, end logits {end_logits.shape}"
        )
    null_scores: list[float] = []
    found: list[NDArray[np.float64]] = []
    for window, row_start, row_end in zip(windows, start_logits, end_logits, strict=True):
        length = len(window.input_ids)
        starts, ends = row_start[:length].astype(np.float64), row_end[:length].astype(np.float64)
        if len(starts) != length:
            raise ValueError(f"question {question.id!r}: a window of {length} tokens has {len(starts)} logits")
        if not (np.isfinite(starts).all() and np.isfinite(ends).all()):
            raise DataError(
                f"The model's logits for question {question.id!r} are not finite numbers.",
                hint="Its training has diverged: lower the learning rate, or train in fp32.",
            )
        null_scores.append(float(starts[window.null_position] + ends[window.null_position]))
        found.append(_spans(window, starts, ends, n_best, max_answer_length))
    null_score = min(null_scores)
    spans = np.concatenate(found)
    # A stable sort: spans stand by window, start and end.
    ranked = spans[np.argsort(-spans[:, 2], kind="stable")]
    kept: dict[str, tuple[int, int, float]] = {}
    for begin, end, score in ranked:
        covered = question.context[int(begin) : int(end)]
        text = covered.strip()
        if text and text not in kept:
            start = int(begin) + covered.index(text)
            kept[text] = (start, start + len(text), float(score))
            if len(kept) == n_best:
                break
    if not kept:
        return BestAnswers((), null_score, NO_SPAN_ODDS)
    scores = np.asarray([score for _, _, score in kept.values()])
    weights = np.exp(scores - scores[0])
    probabilities = weights / weights.sum()
    answers = tuple(
        Answer(text, start, end, score, float(probability))
        for (text, (start, end, score)), probability in zip(kept.items(), probabilities, strict=True)
    )
    return BestAnswers(answers, null_score, null_score - answers[0].score)


def _spans(
    window: Window, starts: NDArray[np.float64], ends: NDArray[np.float64], n_best: int, max_answer_length: int
) -> NDArray[np.float64]:
    """``[spans, 3]``: begin and end in the context and the score of the valid spans, by start and end token."""
    first = _best(starts, np.flatnonzero(window.maximum_context), n_best)
    last = _best(ends, np.flatnonzero(window.offsets[:, 0] >= 0), n_best)
    length = last[None, :] - first[:, None] + 1
    row, column = np.nonzero((length >= 1) & (length <= max_answer_length))
    begin, end = first[row], last[column]
    return np.stack([window.offsets[begin, 0], window.offsets[end, 1], starts[begin] + ends[end]], axis=1)


def _best(logits: NDArray[np.float64], allowed: NDArray[np.intp], n_best: int) -> NDArray[np.intp]:
    """Of the allowed positions those with the highest logits, the earlier one of equal ones; in rising order."""
    return np.sort(allowed[np.argsort(-logits[allowed], kind="stable")[:n_best]])
