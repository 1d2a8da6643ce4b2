"""The scores of MLQA, as ``mlqa_evaluation_v1.py`` computes them: each language has its articles and its words."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Mapping, Sequence

from reldistill.errors import UsageError, did_you_mean
from reldistill.evaluation.question_answering.answer_text import shared_words_f1
from reldistill.evaluation.question_answering.question import Question
from reldistill.evaluation.question_answering.squad_score import require_answers

__all__ = ["MLQA_LANGUAGES", "mlqa_normalised", "mlqa_scores"]

MLQA_LANGUAGES = ("en", "es", "de", "ar", "hi", "vi", "zh")
"""The languages of MLQA, in the order of the paper's table."""

_ARTICLES = {
    "en": re.compile(r"\b(?:a|an|the)\b"),
    "es": re.compile(r"\b(?:un|una|unos|unas|el|la|los|las)\b"),
    "de": re.compile(r"\b(?:ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b"),
    # Wherever it stands, also within a word: the script's other alternative, for the start of words, can never match.
    "ar": re.compile("ال"),
    "vi": re.compile(r"\b(?:của|là|cái|chiếc|những)\b"),
}
_IDEOGRAPH = re.compile("([\u4e00-\u9fa5])")


def mlqa_scores(questions: Sequence[Question], predictions: Mapping[str, str], language: str) -> dict[str, float]:
    """``exact_match`` and ``f1``, in percent. ``language`` is that of the contexts, since answers are cut from them.

    A question without a prediction counts 0. Raises :class:`UsageError` for a language that MLQA does not have,
    :class:`DataError` where there is no question, or one without gold answers.
    """
    _check(language)
    require_answers(questions, "MLQA")
    exact = f1 = 0.0
    for question in questions:
        if question.id not in predictions:
            continue
        found = mlqa_normalised(predictions[question.id], language)
        golds = [mlqa_normalised(answer, language) for answer in question.answers]
        exact += found in golds
        f1 += max(shared_words_f1(found.split(), gold.split()) for gold in golds)
    return {"exact_match": 100.0 * exact / len(questions), "f1": 100.0 * f1 / len(questions)}


def mlqa_normalised(text: str, language: str) -> str:
    """Lower case, without punctuation of any script, without the language's articles, its words apart by one space.

    A word of Chinese is one ideograph (U+4E00 to U+9FA5) or what stands between them without a space. Raises
    :class:`UsageError` for a language that MLQA does not have.
    """
    _check(language)
    bare = "".join(character for character in text.lower() if not _is_punctuation(character))
    if language in _ARTICLES:
        bare = _ARTICLES[language].sub(" ", bare)
    elif language == "zh":
        bare = _IDEOGRAPH.sub(r" \1 ", bare)
    return " ".join(bare.split())


def _is_punctuation(character: str) -> bool:
    return character in string.punctuation or unicodedata.category(character).startswith("P")


def _check(language: str) -> None:
    if language not in MLQA_LANGUAGES:
        raise UsageError(
            f"MLQA has no language {language!r}; allowed: {', '.join(MLQA_LANGUAGES)}.",
            hint=did_you_mean(language, MLQA_LANGUAGES) or None,
        )
