"""Attention states of packed sequences."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from random_states import random_states
from reldistill import AttentionStates
from reldistill.states import cumulative_lengths

WIDTH = 5


def states(tokens: int, ends: list[int], lengths: tuple[int, ...] = ()) -> AttentionStates:
    return AttentionStates(torch.zeros(tokens, WIDTH), None, None, None, torch.tensor(ends, dtype=torch.int32), lengths)


def test_lengths_that_are_left_out_are_read_from_cu_seqlens() -> None:
    assert states(9, [0, 2, 5, 9]).lengths == (2, 3, 4)


def test_lengths_that_are_given_are_kept() -> None:
    assert states(9, [0, 2, 5, 9], (2, 3, 4)).lengths == (2, 3, 4)


def test_there_may_be_no_sequence() -> None:
    empty = states(0, [0])
    assert empty.lengths == ()
    assert empty.tokens == 0
    assert list(empty.spans()) == []


def test_lengths_and_cu_seqlens_must_count_the_same_sequences() -> None:
    with pytest.raises(ValueError, match="cu_seqlens has 4 entries, 2 lengths need 3"):
        states(9, [0, 2, 5, 9], (5, 4))


@pytest.mark.parametrize("name", ["query", "key", "value", "hidden"])
@pytest.mark.parametrize("shape", [(8, WIDTH), (9,), (1, 9, WIDTH)])
def test_a_state_must_have_a_row_for_each_token(name: str, shape: tuple[int, ...]) -> None:
    parts: dict[str, Any] = {"query": None, "key": None, "value": None, "hidden": None}
    parts[name] = torch.zeros(shape)
    with pytest.raises(ValueError, match=rf"{name} has shape \[.*\], expected \[9, width\]"):
        AttentionStates(**parts, cu_seqlens=cumulative_lengths([2, 3, 4]))


def test_the_hidden_state_may_have_another_width_than_the_projections() -> None:
    both = AttentionStates(torch.zeros(3, 7), None, None, torch.zeros(3, 11), cumulative_lengths([3]))
    assert [name for name, _ in both.present()] == ["query", "hidden"]


def test_a_state_that_was_not_captured_is_named_with_those_that_were() -> None:
    with pytest.raises(ValueError, match="the state 'key' was not captured; captured: query"):
        states(2, [0, 2]).require("key")


def test_spans_lie_end_to_end() -> None:
    assert list(states(9, [0, 2, 5, 9]).spans()) == [(0, 2), (2, 5), (5, 9)]


def test_a_sequence_holds_its_own_rows_and_is_a_view() -> None:
    whole = random_states([2, 3, 4], WIDTH, seed=0)
    part = whole.sequence(2, 5)
    assert part.lengths == (3,)
    assert part.cu_seqlens.tolist() == [0, 3]
    for (name, rows), (_, all_rows) in zip(part.present(), whole.present(), strict=True):
        assert torch.equal(rows, all_rows[2:5]), name
        assert rows.untyped_storage().data_ptr() == all_rows.untyped_storage().data_ptr()


def test_cumulative_lengths_are_int32_from_zero() -> None:
    ends = cumulative_lengths([2, 3, 4])
    assert ends.dtype == torch.int32
    assert ends.tolist() == [0, 2, 5, 9]


def test_a_sequence_without_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one token"):
        AttentionStates(torch.zeros(3, 4), None, None, None, torch.tensor([0, 0, 3], dtype=torch.int32))


@pytest.mark.parametrize(("ends", "lengths"), [([2, 5], ()), ([0, 2, 3], (1, 2))])
def test_running_sums_that_are_none_are_refused(ends: list[int], lengths: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="running sums"):
        AttentionStates(torch.zeros(3, 4), None, None, None, torch.tensor(ends, dtype=torch.int32), lengths)
