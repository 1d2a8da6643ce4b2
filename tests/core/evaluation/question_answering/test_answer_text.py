"""When two answers count as the same."""

from __future__ import annotations

import pytest

from reldistill.evaluation.question_answering.answer_text import (
    exact_match,
    gold_texts,
    normalised,
    shared_words_f1,
    token_f1,
)


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("The  Harbour,\u00a0quiet.", "harbour quiet"),
        ("a-an-the", "aanthe"),
        ("theatre an\tanthem", "theatre anthem"),
        ("“The” quay", "“ ” quay"),
        ("THE", ""),
    ],
)
def test_normalisation_drops_case_ascii_punctuation_articles_and_white_space(text: str, bare: str) -> None:
    assert normalised(text) == bare


def test_gold_answers_of_which_nothing_is_left_are_dropped() -> None:
    assert gold_texts(["the", "...", "The quay"]) == ("The quay",)
    assert gold_texts(["the", ""]) == ("",)
    assert gold_texts([]) == ("",)


def test_the_best_gold_answer_counts() -> None:
    golds = ["lamps along the quay", "lamps"]
    assert exact_match("Lamps!", golds) == 1
    assert token_f1("the quay", golds) == 0.5  # precision 1, recall 1/3


@pytest.mark.parametrize(
    ("prediction", "golds", "score"), [("", [], 1.0), ("", ["x"], 0.0), ("x", [], 0.0), (".", [], 1.0)]
)
def test_no_answer_is_right_only_where_there_is_none(prediction: str, golds: list[str], score: float) -> None:
    assert token_f1(prediction, golds) == exact_match(prediction, golds) == score


def test_words_that_stand_twice_are_shared_twice() -> None:
    assert shared_words_f1(["bell", "bell", "bell"], ["bell", "bell", "rang"]) == pytest.approx(2 / 3)


def test_two_empty_bags_share_nothing() -> None:
    assert shared_words_f1([], []) == 0.0
