"""The compiled kernel against the formula in plain lines, computed in double precision from the same numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from random_states import random_states
from reldistill import AttentionStates, PairRelation, UsageError, relation_loss
from reldistill.loss.relation_loss import Kernel

NAMES = {"q": "query", "k": "key", "v": "value"}
NINE = [PairRelation(a + b, NAMES[a], NAMES[b]) for a in "qkv" for b in "qkv"]
Relations = dict[PairRelation, float]


def computed(
    teacher: AttentionStates, student: AttentionStates, relations: Relations, heads: int, kernel: Kernel
) -> tuple[Tensor, dict[str, float], list[Tensor | None]]:
    """The total, the terms, and the gradients of query, key and value."""
    leaves: dict[str, Any] = {name: s.detach().clone().requires_grad_() for name, s in student.present()}
    loss = relation_loss(teacher, replace(student, **leaves), relations, heads, kernel=kernel)
    loss.total.backward()
    terms = {name: float(term) for name, term in loss.terms.items()}
    return loss.total.detach(), terms, [leaves[name].grad for name in ("query", "key", "value")]


def double(states: AttentionStates) -> AttentionStates:
    wide: dict[str, Any] = {name: state.double() for name, state in states.present()}
    return replace(states, **wide)


def check(
    lengths: list[int], widths: tuple[int, int], heads: int, relations: Relations, dtype: torch.dtype = torch.float32
) -> None:
    teacher, student = (random_states(lengths, width, seed=width + 1, dtype=dtype) for width in widths)
    total, terms, slopes = computed(teacher, student, relations, heads, "native")
    expected, expected_terms, expected_slopes = computed(
        double(teacher), double(student), relations, heads, "reference"
    )
    assert total.dtype is torch.float32
    # A divergence is a difference of logits: it can be no more exact than they are rounded.
    rounding = 2**-23 * max(
        float(relation.logits(double(states.sequence(*span)), heads).abs().max())
        for relation in relations
        for states in (teacher, student)
        for span in states.spans()
    )
    assert float(total) == pytest.approx(float(expected), rel=2e-6, abs=rounding * sum(relations.values()))
    assert terms == pytest.approx(expected_terms, rel=2e-6, abs=rounding)
    for slope, other in zip(slopes, expected_slopes, strict=True):
        assert other is not None
        if slope is None:  # of a projection that no relation reads
            assert not other.any()
            continue
        assert slope.dtype is dtype
        tolerance = 2**-8 if dtype is torch.bfloat16 else 1e-5
        torch.testing.assert_close(
            slope.double(), other, rtol=tolerance, atol=tolerance * float(other.abs().max()) + 3e-7
        )


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 70), min_size=1, max_size=5),
    heads=st.sampled_from([1, 2, 3, 5, 6]),
    wide=st.sampled_from([30, 60, 210]),
    narrow=st.sampled_from([30, 90]),
    chosen=st.sets(st.sampled_from(range(9)), min_size=1),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
)
def test_it_equals_the_formula_on_ragged_batches(
    lengths: list[int], heads: int, wide: int, narrow: int, chosen: set[int], dtype: torch.dtype
) -> None:
    check(lengths, (wide, narrow), heads, {NINE[index]: 0.25 + index for index in sorted(chosen)}, dtype)


@pytest.mark.parametrize("heads", [1, 6, 12, 48, 64, 384])
def test_any_number_of_relation_heads(heads: int) -> None:
    check([9, 1, 26], (768, 384), heads, dict.fromkeys(NINE, 1.0))


def test_heads_of_other_widths_than_powers_of_two() -> None:
    check([5, 33], (21, 33), 3, dict.fromkeys(NINE, 1.0))


def test_a_sequence_too_long_for_whole_rows() -> None:
    check([2_200, 1, 600], (10, 6), 2, {NINE[0]: 1.0, NINE[1]: 1.0, NINE[3]: 0.5})


def test_a_student_like_its_teacher_has_no_loss_and_no_gradient() -> None:
    states = random_states([40, 7], 24, seed=1, dtype=torch.float32)
    total, _, slopes = computed(states, states, dict.fromkeys(NINE, 1.0), 6, "native")
    assert float(total) == pytest.approx(0, abs=1e-9)
    assert all(slope is not None and float(slope.abs().max()) < 1e-9 for slope in slopes)


def test_projections_that_need_no_gradient_get_none() -> None:
    teacher, student = (random_states([12], width, seed=width, dtype=torch.float32) for width in (24, 12))
    key = student.require("key").clone().requires_grad_()
    relation_loss(teacher, replace(student, key=key), {NINE[1]: 1.0}, 6, kernel="native").total.backward()
    _, _, expected = computed(teacher, student, {NINE[1]: 1.0}, 6, "reference")
    assert key.grad is not None
    assert expected[1] is not None
    torch.testing.assert_close(key.grad, expected[1], rtol=1e-4, atol=1e-7)
    with torch.no_grad():
        assert not relation_loss(teacher, replace(student, key=key), {NINE[1]: 1.0}, 6).total.requires_grad


def test_states_that_do_not_lie_row_by_row_are_taken_too() -> None:
    teacher, student = (random_states([12], 24, seed=seed, dtype=torch.float32) for seed in (1, 2))
    turned = replace(student, query=student.require("query").T.contiguous().T)
    one, other = (relation_loss(teacher, s, {NINE[0]: 1.0}, 6, kernel="native").total for s in (student, turned))
    assert torch.equal(one, other)


def test_threads_change_no_bit() -> None:
    teacher, student = (random_states([50, 31], width, seed=width, dtype=torch.float32) for width in (96, 48))
    found, threads = [], torch.get_num_threads()
    try:
        for number in (1, 2, 3):
            torch.set_num_threads(number)
            found.append(computed(teacher, student, dict.fromkeys(NINE, 1.0), 12, "native"))
    finally:
        torch.set_num_threads(threads)
    for total, terms, slopes in found[1:]:
        assert torch.equal(total, found[0][0])
        assert terms == found[0][1]
        assert all(
            torch.equal(a, b) for a, b in zip(slopes, found[0][2], strict=True) if a is not None and b is not None
        )


def test_a_state_that_is_not_a_number_makes_a_loss_that_is_none() -> None:
    teacher, student = (random_states([12], 24, seed=seed, dtype=torch.float32) for seed in (1, 2))
    student.require("query")[3, 5] = float("nan")
    assert relation_loss(teacher, student, {NINE[0]: 1.0}, 6, kernel="native").total.isnan()


def test_double_precision_is_left_to_the_tiled_kernel() -> None:
    states = random_states([4], 12, seed=1)
    with pytest.raises(UsageError, match=r"it takes fp32 and bf16, and the states are in torch\.float64"):
        relation_loss(states, states, {NINE[0]: 1.0}, 2, kernel="native")
    assert relation_loss(states, states, {NINE[0]: 1.0}, 2).total.dtype is torch.float64
