"""Windows hold every token of the context, in the order and with the ids of the tokenizer."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from reading_tokenizers import KINDS, PASSAGES, make_reading_tokenizer
from reldistill.errors import UsageError
from reldistill.evaluation.question_answering.question import Question
from reldistill.evaluation.question_answering.windows import Window, cut_windows

ASKED = "Who?"


def of(context: str, question: str = ASKED) -> Question:
    return Question("q", question, context, (), ())


def context_tokens(window: Window) -> list[int]:
    positions: list[int] = np.flatnonzero(window.offsets[:, 0] >= 0).tolist()
    return positions


@pytest.fixture(scope="module", params=KINDS)
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return make_reading_tokenizer(request.param)


@pytest.mark.parametrize(("room", "doc_stride"), [(12, 5), (8, 1), (9, 100), (13, 13), (500, 128)])
@pytest.mark.parametrize("context", PASSAGES)
def test_windows_begin_every_doc_stride_tokens_and_together_are_the_context(
    tokenizer: Any, context: str, room: int, doc_stride: int
) -> None:
    whole = tokenizer(ASKED, context)["input_ids"]
    special = tokenizer.num_special_tokens_to_add(pair=True)
    head = len(tokenizer(ASKED, add_special_tokens=False)["input_ids"]) + special - 1
    step = min(doc_stride, room)
    windows = list(cut_windows([of(context)], tokenizer, max_length=head + room + 1, doc_stride=doc_stride))
    behind = len(whole) - 1
    begins = [head + number * step for number in range(len(windows))]
    for begin, window in zip(begins, windows, strict=True):
        assert window.input_ids.tolist() == [*whole[:head], *whole[begin : min(begin + room, behind)], whole[-1]]
        assert window.input_ids[window.null_position] == tokenizer.cls_token_id
        assert window.null_position == 0
    assert begins[-1] + room >= behind
    assert all(begin + room < behind for begin in begins[:-1])


@pytest.mark.parametrize("context", PASSAGES)
def test_each_token_of_the_context_counts_in_one_window_with_most_context_on_its_poorer_side(
    tokenizer: Any, context: str
) -> None:
    head = len(tokenizer(ASKED, add_special_tokens=False)["input_ids"]) + tokenizer.num_special_tokens_to_add(pair=True)
    windows = list(cut_windows([of(context)], tokenizer, max_length=head + 11, doc_stride=4))
    spans = [(4 * number, 4 * number + len(context_tokens(window)) - 1) for number, window in enumerate(windows)]
    for token in range(spans[-1][1] + 1):
        scores = [
            min(token - first, last - token) + 0.01 * (last - first + 1) if first <= token <= last else -1.0
            for first, last in spans
        ]
        counts = [
            bool(window.maximum_context[context_tokens(window)[token - first]])
            for window, (first, last) in zip(windows, spans, strict=True)
            if first <= token <= last
        ]
        holders = [number for number, (first, last) in enumerate(spans) if first <= token <= last]
        assert [number for number, count in zip(holders, counts, strict=True) if count] == [scores.index(max(scores))]
    for window in windows:
        assert set(np.flatnonzero(window.maximum_context)) <= set(context_tokens(window))


@pytest.mark.parametrize("context", PASSAGES)
def test_offsets_have_no_white_space_around_and_leave_out_nothing_else(tokenizer: Any, context: str) -> None:
    (window,) = cut_windows([of(context)], tokenizer, max_length=512)
    covered: set[int] = set()
    for token in range(len(window.input_ids)):
        offset = window.offset(token)
        if offset is not None:
            text = context[slice(*offset)]
            assert text == text.strip()
            covered.update(range(*offset))
    assert {place for place, character in enumerate(context) if not character.isspace()} <= covered
    assert window.covers == (0, len(context))


@pytest.mark.parametrize(
    ("kind", "context", "texts"),
    [
        ("wordpiece", "e\u0301 x", ["e\u0301", "x"]),
        ("byte-level", "a \u00a0b", ["a", "", "", "", "b"]),
        ("byte-level, offsets with spaces", "a  b", ["a", "", "", "b"]),
        ("metaspace", "2008", ["", "2", "0", "0", "8"]),
        ("metaspace, space first", "港口", ["", "港", "口"]),
    ],
)
def test_tokens_have_the_accents_but_not_the_spaces_of_their_words(kind: str, context: str, texts: list[str]) -> None:
    (window,) = cut_windows([of(context)], make_reading_tokenizer(kind))
    assert [context[slice(*window.offsets[token].tolist())] for token in context_tokens(window)] == texts


def test_what_windows_cover_leaves_no_gap(tokenizer: Any) -> None:
    context = PASSAGES[0]
    windows = list(cut_windows([of(context)], tokenizer, max_length=40, doc_stride=7))
    assert windows[0].covers[0] == 0
    assert windows[-1].covers[1] == len(context)
    assert all(left.covers[1] >= right.covers[0] for left, right in pairwise(windows))


@pytest.mark.parametrize("kind", ["wordpiece", "metaspace"])
@pytest.mark.parametrize("wanted", [True, False])
def test_token_type_ids_are_there_where_the_model_takes_them(kind: str, wanted: bool) -> None:
    tokenizer = make_reading_tokenizer(kind, token_type_ids=wanted)
    (window,) = cut_windows([of("A quay.")], tokenizer)
    if wanted:
        assert window.token_type_ids is not None
        assert window.token_type_ids.tolist() == tokenizer(ASKED, "A quay.")["token_type_ids"]
    else:
        assert window.token_type_ids is None


def test_a_long_question_keeps_its_first_tokens(tokenizer: Any) -> None:
    long = "How many lamps along the quay, " * 12
    first = tokenizer(long, add_special_tokens=False)["input_ids"][:10]
    (window,) = cut_windows([of("A quay.", long)], tokenizer, longest_question=10)
    assert window.input_ids[1:11].tolist() == first
    assert window.input_ids[11] == tokenizer.sep_token_id


def test_a_question_takes_no_more_than_half_of_a_short_window(tokenizer: Any) -> None:
    special = tokenizer.num_special_tokens_to_add(pair=True)
    windows = list(cut_windows([of(PASSAGES[0], PASSAGES[1])], tokenizer, max_length=20))
    assert max(len(window.input_ids) for window in windows) == 20
    assert len(context_tokens(windows[0])) == 20 - special - (20 - special) // 2


def test_a_context_without_tokens_has_one_window_without_answers(tokenizer: Any) -> None:
    (window,) = cut_windows([of("")], tokenizer)
    assert context_tokens(window) == []
    assert not window.maximum_context.any()


def test_windows_say_which_question_they_are_of(tokenizer: Any) -> None:
    questions = [of(PASSAGES[0]), of(""), of(PASSAGES[1])]
    indices = [window.question for window in cut_windows(questions, tokenizer, max_length=40, doc_stride=9)]
    assert indices == sorted(indices)
    assert set(indices) == {0, 1, 2}


def test_the_tokenizer_is_left_as_it_was() -> None:
    tokenizer = make_reading_tokenizer("wordpiece")
    before = tokenizer.backend_tokenizer.to_str()
    list(cut_windows([of(PASSAGES[0])], tokenizer, max_length=40))
    assert tokenizer.backend_tokenizer.to_str() == before


def test_what_cannot_work_is_refused_before_the_first_window() -> None:
    tokenizer = make_reading_tokenizer("wordpiece")
    with pytest.raises(UsageError, match="max_length 4 leaves no room"):
        cut_windows([], tokenizer, max_length=4)
    with pytest.raises(UsageError, match="doc_stride is 0"):
        cut_windows([], tokenizer, doc_stride=0)
    with pytest.raises(UsageError, match="does not say where in a text its tokens are"):
        cut_windows([], object())
    tokenizer.cls_token = None
    with pytest.raises(UsageError, match="no CLS token"):
        cut_windows([], tokenizer)
