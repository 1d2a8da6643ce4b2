"""MLQA's scores against the outputs of the official script, kept in ``golden``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reldistill.errors import DataError, UsageError
from reldistill.evaluation.question_answering.mlqa_score import MLQA_LANGUAGES, mlqa_normalised, mlqa_scores
from reldistill.evaluation.question_answering.question import Question

CASES = json.loads((Path(__file__).parents[1] / "golden" / "mlqa.json").read_text(encoding="utf-8"))["cases"]


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CASES])
def test_mlqa_gives_the_digits_of_the_official_script(case: dict[str, Any]) -> None:
    questions = [Question(id, "?", "c", tuple(gold), (0,) * len(gold)) for id, gold in case["gold"].items()]
    assert mlqa_scores(questions, case["predictions"], case["language"]) == case["expected"]


def test_golden_cases_have_every_language() -> None:
    assert {case["language"] for case in CASES} == set(MLQA_LANGUAGES)


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("en", "The “Iron” Lady", "iron lady"),
        ("es", "¿Unos barcos?", "barcos"),
        ("de", "„Die Zeit“ einer Stadt", "zeit stadt"),
        ("vi", "những con thuyền của", "con thuyền"),
        ("hi", "नई दिल्ली।", "नई दिल्ली"),
        ("ar", "سالم الكتاب", "س م كتاب"),
        ("zh", "iPhone手机\uff0c5.5英寸", "iphone 手 机 55 英 寸"),
    ],
)
def test_each_language_has_its_articles_and_words(language: str, text: str, words: str) -> None:
    assert mlqa_normalised(text, language) == words


def test_another_language_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="no language 'fr'; allowed: en, es, de, ar, hi, vi, zh"):
        mlqa_normalised("la ville", "fr")


def test_questions_without_an_answer_are_refused() -> None:
    with pytest.raises(DataError, match="MLQA: 1 of 1 questions have no answer"):
        mlqa_scores([Question("a", "?", "c", (), ())], {"a": ""}, "en")
