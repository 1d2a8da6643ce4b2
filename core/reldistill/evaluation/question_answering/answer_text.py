"""When two answers are the same, and how much they share (the normalisation and F1 of SQuAD's scripts)."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

__all__ = ["exact_match", "gold_texts", "normalised", "shared_words_f1", "token_f1"]

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalised(text: str) -> str:
    """Lower case, without ASCII punctuation, without a, an and the, single spaces (``evaluate-v2.0.py``)."""
    bare = text.lower().translate(_WITHOUT_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def gold_texts(answers: Sequence[str]) -> tuple[str, ...]:
    """The gold answers that SQuAD 2.0 compares with: those of which normalisation leaves something, else ``("",)``."""
    return tuple(answer for answer in answers if normalised(answer)) or ("",)


def exact_match(prediction: str, answers: Sequence[str]) -> int:
    """1 where the prediction equals one of the gold answers of SQuAD 2.0 after normalisation, else 0."""
    found = normalised(prediction)
    return int(any(found == normalised(answer) for answer in gold_texts(answers)))


def token_f1(prediction: str, answers: Sequence[str]) -> float:
    """The best F1, in [0, 1], of the prediction's words against each gold answer of SQuAD 2.0.

    Without words on both sides it is 1, without words on one side 0.
    """
    words = normalised(prediction).split()
    best = 0.0
    for answer in gold_texts(answers):
        gold = normalised(answer).split()
        best = max(best, shared_words_f1(words, gold) if words and gold else float(words == gold))
    return best


def shared_words_f1(prediction: Sequence[str], gold: Sequence[str]) -> float:
    """F1 of two bags of words, in [0, 1]; 0 where they share none, also where both are empty (SQuAD 1.1, MLQA)."""
    shared = (Counter(prediction) & Counter(gold)).total()
    if not shared:
        return 0.0
    precision = shared / len(prediction)
    recall = shared / len(gold)
    # In this order of operations, since the last digit is compared too.
    return (2 * precision * recall) / (precision + recall)
