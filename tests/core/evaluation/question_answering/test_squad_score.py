"""SQuAD's scores against the outputs of the official scripts, kept in ``golden``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reldistill.errors import DataError
from reldistill.evaluation.question_answering.question import Question
from reldistill.evaluation.question_answering.squad_score import squad1_scores, squad2_scores

GOLDEN = Path(__file__).parents[1] / "golden"


def golden(file: str) -> list[Any]:
    cases = json.loads((GOLDEN / file).read_text(encoding="utf-8"))["cases"]
    return [pytest.param(case, id=case["name"]) for case in cases]


def asked(gold: dict[str, list[str]]) -> list[Question]:
    return [Question(id, "?", "c", tuple(answers), (0,) * len(answers)) for id, answers in gold.items()]


@pytest.mark.parametrize("case", golden("squad2.json"))
def test_squad2_gives_the_digits_of_the_official_script(case: dict[str, Any]) -> None:
    scores = squad2_scores(asked(case["gold"]), case["predictions"], case["null_odds"], threshold=case["threshold"])
    assert scores == case["expected"]
    assert list(scores) == list(case["expected"])


@pytest.mark.parametrize("case", golden("squad1.json"))
def test_squad1_gives_the_digits_of_the_official_script(case: dict[str, Any]) -> None:
    expected = {"exact": case["expected"]["exact_match"], "f1": case["expected"]["f1"]}
    assert squad1_scores(asked(case["gold"]), case["predictions"]) == expected


def test_predictions_emptied_above_zero_score_alike_at_the_thresholds_of_odds_and_of_the_script() -> None:
    questions = asked({"a": ["x"], "b": ["y z"], "c": []})
    best = {"a": "x", "b": "y", "c": "w"}
    odds = {"a": -1.0, "b": 0.5, "c": 3.0}
    written = {id: "" if odds[id] > 0 else text for id, text in best.items()}
    at_script = squad2_scores(questions, written, odds)
    at_zero = squad2_scores(questions, best, odds, threshold=0.0)
    assert {key: at_script[key] for key in at_script if "best" not in key} == {
        key: at_zero[key] for key in at_zero if "best" not in key
    }


def test_best_threshold_sees_the_answers_above_zero_only_in_best_spans() -> None:
    questions = asked({"a": ["x"], "c": []})
    odds = {"a": 0.5, "c": 3.0}
    assert squad2_scores(questions, {"a": "x", "c": "w"}, odds, threshold=0.0)["best_exact"] == 100.0
    assert squad2_scores(questions, {"a": "", "c": ""}, odds)["best_exact"] == 50.0


@pytest.mark.parametrize(
    ("predictions", "odds", "what"), [({"a": "x"}, None, "prediction"), ({"a": "x", "b": ""}, {"a": 0.0}, "null odds")]
)
def test_squad2_names_the_first_question_that_lacks_something(
    predictions: dict[str, str], odds: dict[str, float] | None, what: str
) -> None:
    with pytest.raises(DataError, match=f"1 of 2 questions have no {what}, first 'b'"):
        squad2_scores(asked({"a": ["x"], "b": []}), predictions, odds)


def test_squad1_refuses_questions_without_an_answer() -> None:
    with pytest.raises(DataError, match="1 of 2 questions have no answer, first 'b'"):
        squad1_scores(asked({"a": ["x"], "b": []}), {})


def test_no_questions_are_an_error_and_no_division_by_zero() -> None:
    with pytest.raises(DataError, match="no questions"):
        squad2_scores([], {})
    with pytest.raises(DataError, match="no questions"):
        squad1_scores([], {})
