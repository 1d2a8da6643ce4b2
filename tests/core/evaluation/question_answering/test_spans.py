"""Every gold answer that fits a window is found again in the tokens that it is mapped to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tokenizers.processors import TemplateProcessing

from reading_tokenizers import KINDS, PASSAGES, make_reading_tokenizer
from reldistill.evaluation.question_answering.question import Question
from reldistill.evaluation.question_answering.spans import answer_tokens
from reldistill.evaluation.question_answering.windows import Window, cut_windows

TOKENIZERS = {kind: make_reading_tokenizer(kind) for kind in KINDS}


def cut(kind: str, context: str, max_length: int = 512, doc_stride: int = 128) -> list[Window]:
    question = Question("q", "Who?", context, (), ())
    return list(cut_windows([question], TOKENIZERS[kind], max_length=max_length, doc_stride=doc_stride))


def text_of(window: Window, context: str, tokens: tuple[int, int]) -> str:
    first, last = window.offset(tokens[0]), window.offset(tokens[1])
    assert first is not None
    assert last is not None
    return context[first[0] : last[1]]


def fits(window: Window, whole: Window, start: int, end: int) -> bool:
    """Whether all tokens of the answer, as the uncut context has them, are in the window."""
    answer = answer_tokens(whole, start, end)
    head = int(np.flatnonzero(whole.offsets[:, 0] >= 0)[0])
    ids = whole.input_ids[answer[0] : answer[1] + 1].tolist()
    offsets = whole.offsets[answer[0] : answer[1] + 1].tolist()
    length = len(ids)
    return any(
        window.input_ids[place : place + length].tolist() == ids
        and window.offsets[place : place + length].tolist() == offsets
        for place in range(head, len(window.input_ids) - length)
    )


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    passage=st.sampled_from(PASSAGES),
    place=st.tuples(st.floats(0, 1), st.floats(0, 0.4)),
    room=st.integers(18, 60),
    doc_stride=st.integers(1, 40),
)
@example(passage=PASSAGES[3], place=(0.0, 0.0), room=18, doc_stride=1)
@example(passage=PASSAGES[6], place=(0.0, 0.1), room=18, doc_stride=3)
def test_every_answer_that_fits_a_window_is_recovered_with_no_more_than_the_tokens_it_touches(
    kind: str, passage: str, place: tuple[float, float], room: int, doc_stride: int
) -> None:
    start = int(place[0] * (len(passage) - 1))
    end = min(len(passage), start + 1 + int(place[1] * len(passage)))
    answer = passage[start:end].strip()
    if not answer:
        return
    start = passage.index(answer, start)
    end = start + len(answer)
    (whole,) = cut(kind, passage)
    recovered = 0
    tokenizer = TOKENIZERS[kind]
    beside = len(tokenizer("Who?", add_special_tokens=False)["input_ids"]) + tokenizer.num_special_tokens_to_add(
        pair=True
    )
    for window in cut(kind, passage, beside + room, doc_stride):
        tokens = answer_tokens(window, start, end)
        if tokens == (window.null_position, window.null_position):
            assert not fits(window, whole, start, end)
            continue
        recovered += 1
        text = text_of(window, passage, tokens)
        assert answer in text
        for token in range(tokens[0], tokens[1] + 1):
            offset = window.offset(token)
            assert offset is not None
            assert offset[0] == offset[1] or (offset[0] < end and offset[1] > start)
    tokens = answer_tokens(whole, start, end)
    # So long an answer is whole in one window wherever it stands.
    assert recovered or tokens[1] - tokens[0] + 1 > room - min(doc_stride, room) + 1


def words(passage: str) -> list[tuple[int, int]]:
    places, place = [], 0
    for word in passage.split():
        start = passage.index(word, place)
        place = start + len(word)
        places.append((start, place))
    return places


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("passage", PASSAGES)
def test_answers_of_whole_words_are_recovered_exactly(kind: str, passage: str) -> None:
    (window,) = cut(kind, passage)
    places = words(passage)
    for first in range(len(places)):
        for last in range(first, min(first + 5, len(places))):
            start, end = places[first][0], places[last][1]
            assert text_of(window, passage, answer_tokens(window, start, end)) == passage[start:end]


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_is_not_wholly_in_a_window_points_to_cls(kind: str) -> None:
    context = PASSAGES[0]
    windows = cut(kind, context, 44, 10)
    assert len(windows) > 1
    assert answer_tokens(windows[0], 0, len(context)) == (0, 0)
    assert answer_tokens(windows[1], 0, 3) == (0, 0)
    assert answer_tokens(windows[0], 0, 3) != (0, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_within_a_token_takes_the_token(kind: str) -> None:
    (window,) = cut(kind, "harbour")
    longest = int(np.argmax(window.offsets[:, 1] - window.offsets[:, 0]))
    start, end = window.offsets[longest].tolist()
    assert end - start >= 2
    assert answer_tokens(window, start, end - 1) == (longest, longest)
    assert answer_tokens(window, start + 1, end) == (longest, longest)


@pytest.mark.parametrize("kind", KINDS)
def test_white_space_around_an_answer_takes_no_other_token(kind: str) -> None:
    context = "was quiet before"
    (window,) = cut(kind, context)
    assert answer_tokens(window, 3, 10) == answer_tokens(window, 4, 9)
    assert answer_tokens(window, 3, 4) == (0, 0)


def test_the_null_position_is_where_cls_stands() -> None:
    tokenizer: Any = make_reading_tokenizer("wordpiece")
    cls, sep = tokenizer.cls_token, tokenizer.sep_token
    ids = [(cls, tokenizer.cls_token_id), (sep, tokenizer.sep_token_id)]
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(f"$A {sep} {cls}", f"$A {sep} $B {sep} {cls}", ids)
    (window,) = cut_windows([Question("q", "Who?", "A quay.", (), ())], tokenizer)
    assert answer_tokens(window, 0, 0) == (len(window.input_ids) - 1,) * 2
