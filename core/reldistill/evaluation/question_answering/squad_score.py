"""The scores of SQuAD, as ``evaluate-v2.0.py`` and ``evaluate-v1.1.py`` compute them, to the last digit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reldistill.errors import DataError
from reldistill.evaluation.question_answering.answer_text import exact_match, normalised, shared_words_f1, token_f1
from reldistill.evaluation.question_answering.question import Question

__all__ = ["require_answers", "squad1_scores", "squad2_scores"]


def squad2_scores(
    questions: Sequence[Question],
    predictions: Mapping[str, str],
    null_odds: Mapping[str, float] | None = None,
    *,
    threshold: float = 1.0,
) -> dict[str, float]:
    """What ``evaluate-v2.0.py`` prints, in percent: ``exact``, ``f1``, ``total``, the same for ``HasAns_`` and ``NoAns_``.

    ``predictions``: an answer for each question id, ``""`` for none. With ``null_odds`` (the script's
    ``--na-prob-file``) a question whose odds exceed ``threshold`` (``--na-prob-thresh``) counts as unanswered, and there
    are ``best_exact``, ``best_f1`` and the thresholds that give them.

    The script expects probabilities, so its threshold is 1. Odds here are score(null) - score(best span) and the choice
    falls at 0: predictions that are ``""`` wherever the odds are above 0 have the same scores at every threshold from
    0 up, also at the script's 1. ``best_*`` keeps the predictions and only adds empty ones, so the search sees all
    thresholds where the predictions are the best spans, none empty; at ``threshold=0`` these have the scores of the
    former. Where the ids of ``null_odds`` have equal odds, their order in the mapping decides, as in the script.

    Raises :class:`DataError` where there is no question, or one has no prediction or odds (the script fails there).
    """
    _require("prediction", questions, predictions)
    exact = {question.id: float(exact_match(predictions[question.id], question.answers)) for question in questions}
    f1 = {question.id: token_f1(predictions[question.id], question.answers) for question in questions}
    has_answer = {question.id: bool(question.answers) for question in questions}
    kept_exact, kept_f1 = exact, f1
    if null_odds is not None:
        _require("null odds", questions, null_odds)
        emptied = {id: float(not has_answer[id]) for id in has_answer if null_odds[id] > threshold}
        kept_exact, kept_f1 = exact | emptied, f1 | emptied
    scores = _means(kept_exact, kept_f1, list(has_answer), "")
    for prefix, wanted in (("HasAns_", True), ("NoAns_", False)):
        ids = [id for id, has in has_answer.items() if has is wanted]
        if ids:
            scores |= _means(kept_exact, kept_f1, ids, prefix)
    if null_odds is not None:
        for name, raw in (("best_exact", exact), ("best_f1", f1)):
            scores[name], scores[f"{name}_thresh"] = _best_threshold(raw, predictions, null_odds, has_answer)
    return scores


def squad1_scores(questions: Sequence[Question], predictions: Mapping[str, str]) -> dict[str, float]:
    """``exact`` and ``f1`` of ``evaluate-v1.1.py`` (there ``exact_match`` and ``f1``), in percent.

    A question without a prediction counts 0. An empty prediction has F1 0 even against an empty answer. Raises
    :class:`DataError` where there is no question, or one without gold answers.
    """
    require_answers(questions, "SQuAD 1.1")
    exact = f1 = 0.0
    for question in questions:
        if question.id not in predictions:
            continue
        found = normalised(predictions[question.id])
        golds = [normalised(answer) for answer in question.answers]
        exact += found in golds
        # Added one by one, as the script does: the sum() of Python 3.12 and later rounds otherwise.
        f1 += max(shared_words_f1(found.split(), gold.split()) for gold in golds)
    return {"exact": 100.0 * exact / len(questions), "f1": 100.0 * f1 / len(questions)}


def require_answers(questions: Sequence[Question], measure: str) -> None:
    """Raises :class:`DataError` where there is no question, or one without gold answers."""
    if not questions:
        raise DataError(f"{measure}: there are no questions to score.")
    unanswerable = [question.id for question in questions if not question.answers]
    if unanswerable:
        raise DataError(
            f"{measure}: {len(unanswerable)} of {len(questions)} questions have no answer, first {unanswerable[0]!r}.",
            hint="Only SQuAD 2.0 scores questions without an answer.",
        )


def _require(what: str, questions: Sequence[Question], given: Mapping[str, object]) -> None:
    if not questions:
        raise DataError("SQuAD 2.0: there are no questions to score.")
    missing = [question.id for question in questions if question.id not in given]
    if missing:
        raise DataError(
            f"SQuAD 2.0: {len(missing)} of {len(questions)} questions have no {what}, first {missing[0]!r}.",
            hint='Every question needs one; the prediction for a question without an answer is "".',
        )


def _means(exact: Mapping[str, float], f1: Mapping[str, float], ids: Sequence[str], prefix: str) -> dict[str, float]:
    return {
        f"{prefix}exact": 100.0 * sum(exact[id] for id in ids) / len(ids),
        f"{prefix}f1": 100.0 * sum(f1[id] for id in ids) / len(ids),
        f"{prefix}total": len(ids),
    }


def _best_threshold(
    raw: Mapping[str, float],
    predictions: Mapping[str, str],
    null_odds: Mapping[str, float],
    has_answer: Mapping[str, bool],
) -> tuple[float, float]:
    """Answers are let in by rising odds, from none at all; the first best place wins, even among equal odds."""
    score = best = float(sum(not has for has in has_answer.values()))
    threshold = 0.0
    for id in sorted((id for id in null_odds if id in raw), key=lambda id: null_odds[id]):
        if has_answer[id]:
            score += raw[id]
        elif predictions[id]:
            score -= 1
        if score > best:
            best, threshold = score, null_odds[id]
    return 100.0 * best / len(raw), threshold
