"""The n best answers against a search over every pair of tokens, and what ties, nulls and padding do."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from reading_tokenizers import PASSAGES, make_reading_tokenizer
from reldistill.errors import DataError
from reldistill.evaluation.question_answering.best_answers import NO_SPAN_ODDS, best_answers
from reldistill.evaluation.question_answering.question import Question
from reldistill.evaluation.question_answering.windows import Window, cut_windows

CONTEXT = "lamps along the quay, lamps along the sound"
WORDS = CONTEXT.split()


def asked(context: str = CONTEXT) -> Question:
    return Question("q", "Who?", context, (), ())


def window_of_words(context: str = CONTEXT) -> Window:
    """[CLS] who [SEP] and a token for each word of the context, then [SEP]."""
    offsets, place = [(-1, -1)] * 3, 0
    for word in context.split():
        start = context.index(word, place)
        place = start + len(word)
        offsets.append((start, place))
    offsets.append((-1, -1))
    tokens = len(offsets)
    spans = np.asarray(offsets, dtype=np.int32)
    return Window(
        question=0,
        input_ids=np.arange(tokens, dtype=np.int32),
        token_type_ids=None,
        offsets=spans,
        maximum_context=spans[:, 0] >= 0,
        covers=(0, len(context)),
        null_position=0,
    )


def logits(values: dict[int, float], tokens: int = 12) -> NDArray[np.float32]:
    row = np.full((1, tokens), -9.0, dtype=np.float32)
    for position, value in values.items():
        row[0, position] = value
    return row


@pytest.mark.parametrize("kind", ["wordpiece", "byte-level", "metaspace"])
@pytest.mark.parametrize("seed", range(5))
def test_answers_are_those_of_a_search_over_all_pairs(kind: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    question = asked(PASSAGES[seed])
    windows = list(cut_windows([question], make_reading_tokenizer(kind), max_length=40, doc_stride=11))
    shape = (len(windows), max(len(window.input_ids) for window in windows))
    # Halves make ties.
    starts = (np.round(random.normal(size=shape) * 4) / 2).astype(np.float32)
    ends = (np.round(random.normal(size=shape) * 4) / 2).astype(np.float32)
    expected: dict[str, float] = {}
    for number, window in enumerate(windows):
        for first in np.flatnonzero(window.maximum_context).tolist():
            for last in range(first, min(first + 6, len(window.input_ids))):
                begin, end = window.offset(first), window.offset(last)
                if begin and end and (text := question.context[begin[0] : end[1]].strip()):
                    score = float(starts[number, first] + ends[number, last])
                    expected[text] = max(score, expected.get(text, -np.inf))
    found = best_answers(question, windows, starts, ends, n_best=1000, max_answer_length=6)
    assert {answer.text: answer.score for answer in found.answers} == expected
    assert [answer.score for answer in found.answers] == sorted(expected.values(), reverse=True)
    assert all(question.context[answer.start : answer.end] == answer.text for answer in found.answers)
    assert sum(answer.probability for answer in found.answers) == pytest.approx(1)
    null = min(float(s[w.null_position] + e[w.null_position]) for w, s, e in zip(windows, starts, ends, strict=True))
    assert found.null_score == null
    assert found.null_odds == null - found.answers[0].score
    best20 = best_answers(question, windows, starts, ends, max_answer_length=6)
    assert replace(best20.answers[0], probability=0.0) == replace(found.answers[0], probability=0.0)
    assert len(best20.answers) == 20


def test_the_answer_is_cut_from_the_context_as_it_stands_there() -> None:
    found = best_answers(asked(), [window_of_words()], logits({5: 3.0}), logits({6: 2.0}))
    assert found.text == "the quay,"
    assert (found.answers[0].start, found.answers[0].end) == (12, 21)
    assert found.answers[0].score == 5.0


def test_equal_texts_are_one_answer_at_the_place_with_the_higher_score() -> None:
    found = best_answers(asked(), [window_of_words()], logits({3: 1.0, 7: 2.0}), logits({3: 1.0, 7: 2.0}))
    assert [answer.start for answer in found.answers if answer.text == "lamps"] == [22]
    assert len({answer.text for answer in found.answers}) == len(found.answers)


def test_among_equal_scores_the_earlier_start_and_the_earlier_end_win() -> None:
    level = np.zeros((1, 12), dtype=np.float32)
    found = best_answers(asked(), [window_of_words()], level, level)
    assert [answer.text for answer in found.answers[:3]] == ["lamps", "lamps along", "lamps along the"]
    assert found == best_answers(asked(), [window_of_words()], level, level)


def test_a_span_ends_at_or_after_its_start_and_is_not_too_long() -> None:
    starts, ends = logits({9: 5.0, 3: 4.0}), logits({8: 5.0, 10: 3.0})
    assert best_answers(asked(), [window_of_words()], starts, ends).text == " ".join(WORDS[:6])
    assert best_answers(asked(), [window_of_words()], starts, ends, max_answer_length=5).text == "the sound"


def test_logits_of_the_question_separators_and_padding_take_no_place_from_answers() -> None:
    high = {1: 50.0, 2: 50.0, 11: 50.0, 12: 99.0, 13: 99.0}
    starts, ends = logits({**high, 6: 1.0}, 14), logits({**high, 6: 1.0}, 14)
    assert best_answers(asked(), [window_of_words()], starts, ends, n_best=1).text == "quay,"


def test_a_start_counts_only_in_the_window_of_its_maximum_context() -> None:
    window = window_of_words()
    left = replace(window, maximum_context=np.arange(12) == 4)
    right = replace(window, maximum_context=np.arange(12) == 6)
    starts = np.concatenate([logits({6: 9.0, 4: 1.0}), logits({6: 2.0, 4: 9.0})])
    ends = np.concatenate([logits({6: 0.0, 4: 0.0}), logits({6: 0.0, 4: 0.0})])
    found = best_answers(asked(), [left, right], starts, ends)
    assert found.answers[0].text == "quay,"
    assert found.answers[0].score == 2.0


def test_the_null_score_is_the_lowest_of_all_windows() -> None:
    starts = np.concatenate([logits({0: 4.0, 3: 1.0}), logits({0: -2.0})])
    ends = np.concatenate([logits({0: 3.0, 3: 1.5}), logits({0: 0.5})])
    found = best_answers(asked(), [window_of_words(), window_of_words()], starts, ends)
    assert found.null_score == -1.5
    assert found.null_odds == -4.0


def test_no_answer_is_chosen_only_where_its_odds_exceed_the_threshold() -> None:
    found = best_answers(asked(), [window_of_words()], logits({0: 2.0, 6: 1.0}), logits({0: 2.0, 6: 1.0}))
    assert found.null_odds == 2.0
    assert found.text_or_none() == ""
    assert found.text_or_none(threshold=2.0) == "quay,"
    assert found.text == "quay,"


def test_a_question_without_a_valid_span_gets_the_empty_text_and_odds_that_json_can_hold() -> None:
    window = replace(window_of_words(), maximum_context=np.zeros(12, dtype=np.bool_))
    found = best_answers(asked(), [window], logits({}), logits({}))
    assert found.answers == ()
    assert found.text == found.text_or_none() == ""
    assert found.null_odds == NO_SPAN_ODDS
    assert json.loads(json.dumps(found.null_odds, allow_nan=False)) == NO_SPAN_ODDS


def test_probabilities_are_the_softmax_of_the_scores_also_of_high_ones() -> None:
    starts, ends = logits({3: 900.0, 6: 900.0}), logits({3: 1.0, 6: 3.0})
    found = best_answers(asked(), [window_of_words()], starts, ends, n_best=2)
    scores = np.asarray([answer.score for answer in found.answers])
    assert [answer.probability for answer in found.answers] == pytest.approx(
        np.exp(scores - 903) / np.exp(scores - 903).sum()
    )


def test_logits_that_are_no_numbers_are_an_error_that_names_the_question() -> None:
    with pytest.raises(DataError, match="question 'q' are not finite"):
        best_answers(asked(), [window_of_words()], logits({4: float("nan")}), logits({}))


@pytest.mark.parametrize("shape", [(2, 12), (1, 11)])
def test_arrays_of_another_shape_are_refused(shape: tuple[int, int]) -> None:
    level = np.zeros(shape, dtype=np.float32)
    with pytest.raises(ValueError, match="question 'q'"):
        best_answers(asked(), [window_of_words()], level, level)
