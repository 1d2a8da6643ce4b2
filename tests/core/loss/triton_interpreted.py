"""The Triton kernels under Triton's interpreter; run by test_triton.py in a process that was started with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import Tensor

from random_states import random_states
from reldistill import AttentionStates, PairRelation, Relation, RelationLoss, relation_loss
from reldistill.loss.relation_loss import Kernel
from reldistill.states import cumulative_lengths

NAMES = {"q": "query", "k": "key", "v": "value"}
NINE = [PairRelation(a + b, NAMES[a], NAMES[b]) for a in "qkv" for b in "qkv"]
BY_NAME = {relation.name: relation for relation in NINE}
PROJECTIONS = ("query", "key", "value")


def pairs(**weights: float) -> dict[Relation, float]:
    return {BY_NAME[name]: weight for name, weight in weights.items()}


def leaves(
    states: AttentionStates, dtype: torch.dtype | None = None, needed: Sequence[str] = PROJECTIONS
) -> AttentionStates:
    copies: dict[str, Any] = {
        name: state.detach().clone().to(dtype or state.dtype).requires_grad_(name in needed)
        for name, state in states.present()
    }
    return replace(states, **copies)


def loss_and_gradients(
    teacher: AttentionStates,
    student: AttentionStates,
    relations: dict[Relation, float],
    heads: int,
    kernel: Kernel,
    *,
    needed: Sequence[str] = PROJECTIONS,
    sequences: int | None = None,
) -> tuple[RelationLoss, dict[str, Tensor | None]]:
    student = leaves(student, needed=needed)
    loss = relation_loss(teacher, student, relations, heads, sequences=sequences, kernel=kernel)
    (0.5 * loss.total).backward()
    return loss, {name: student.require(name).grad for name in PROJECTIONS}


def assert_like_reference(
    teacher: AttentionStates,
    student: AttentionStates,
    relations: dict[Relation, float],
    heads: int,
    *,
    value: float = 1e-12,
    gradient: float = 1e-10,
    needed: Sequence[str] = PROJECTIONS,
    sequences: int | None = None,
) -> None:
    """In value, each term and each gradient; the reference computes in float64 from the same numbers."""
    expected, slopes = loss_and_gradients(
        leaves(teacher, torch.float64),
        leaves(student, torch.float64),
        relations,
        heads,
        "reference",
        needed=needed,
        sequences=sequences,
    )
    loss, found = loss_and_gradients(teacher, student, relations, heads, "triton", needed=needed, sequences=sequences)
    # Relative, but not of a loss that is next to nothing, as of a single token.
    assert float(loss.total.detach()) == pytest.approx(float(expected.total.detach()), rel=value, abs=value / 10)
    for name, term in expected.terms.items():
        assert float(loss.terms[name]) == pytest.approx(float(term), rel=value, abs=value / 10)
    for name, slope in slopes.items():
        other = found[name]
        if slope is None or other is None:  # what no relation reads has no gradient, or one of zeros
            assert slope is None or not slope.any()
            assert other is None
            continue
        assert other.dtype is student.require(name).dtype
        tolerance = gradient * max(1e-4, float(slope.abs().max()))
        torch.testing.assert_close(other.double(), slope, rtol=gradient, atol=tolerance)


@pytest.mark.parametrize("relation", NINE, ids=lambda relation: relation.name)
def test_each_relation_equals_the_reference(relation: PairRelation) -> None:
    teacher, student = random_states([7, 1, 20], 30, seed=1), random_states([7, 1, 20], 18, seed=2)
    assert_like_reference(teacher, student, {relation: 0.7}, 3)


def test_all_nine_relations_share_their_passes_and_keep_their_weights() -> None:
    relations: dict[Relation, float] = {relation: 0.3 + number for number, relation in enumerate(NINE)}
    assert_like_reference(random_states([5, 18], 12, seed=3), random_states([5, 18], 20, seed=4), relations, 2)


def test_two_relations_of_the_same_projections_add_up() -> None:
    relations = {PairRelation("one", "query", "key"): 1.0, PairRelation("other", "query", "key"): 0.25, **pairs(kq=3.0)}
    assert_like_reference(random_states([9], 12, seed=3), random_states([9], 8, seed=4), relations, 2)


@pytest.mark.parametrize(
    ("heads", "wide", "narrow", "lengths"),
    [
        (1, 768, 384, (5,)),  # more than a chunk of either width, and several parts of the gradient
        (1, 300, 200, (4,)),
        (6, 60, 36, (3, 17)),
        (12, 96, 60, (9, 1)),
        (48, 96, 48, (5,)),
        (64, 192, 128, (4,)),
        (384, 768, 384, (2,)),  # heads of one number
    ],
)
def test_heads_and_widths_that_are_no_power_of_two(
    heads: int, wide: int, narrow: int, lengths: tuple[int, ...]
) -> None:
    teacher, student = random_states(lengths, wide, seed=5), random_states(lengths, narrow, seed=6)
    assert_like_reference(teacher, student, pairs(qk=2.0, kq=1.0) if 1 < heads <= 12 else pairs(qq=1.0), heads)


def test_a_sequence_of_many_blocks_keeps_running_maxima_and_sums() -> None:
    lengths = (131, 1, 64)
    teacher, student = random_states(lengths, 14, seed=7), random_states(lengths, 10, seed=8)
    # Rising logits: each block of keys has a new maximum for many rows.
    rising = torch.linspace(-9, 9, sum(lengths), dtype=torch.float64).unsqueeze(1)
    teacher, student = (replace(states, key=states.require("key") * rising) for states in (teacher, student))
    assert_like_reference(teacher, student, pairs(qk=1.0, vv=0.5), 1)


@pytest.mark.parametrize(
    ("dtype", "value", "gradient"),
    [(torch.float32, 1e-6, 5e-6), (torch.bfloat16, 1e-6, 2**-8), (torch.float16, 1e-6, 2**-10)],
)
def test_narrow_states_are_summed_in_fp32_and_get_gradients_of_their_dtype(
    dtype: torch.dtype, value: float, gradient: float
) -> None:
    lengths = (70, 3)
    teacher, student = random_states(lengths, 40, seed=9, dtype=dtype), random_states(lengths, 24, seed=10, dtype=dtype)
    assert_like_reference(teacher, student, pairs(qq=1.0, kv=2.0), 2, value=value, gradient=gradient)
    assert relation_loss(teacher, student, pairs(qq=1.0), 2, kernel="triton").total.dtype is torch.float32


def test_the_gradient_of_bf16_states_is_rounded_once() -> None:
    """A slope of one bf16 would be off by as much as the gradient's own rounding, and by more where parts cancel."""
    teacher, student = (random_states([40], width, seed=width, dtype=torch.bfloat16) for width in (32, 16))
    exact = [leaves(states, torch.float64) for states in (teacher, student)]
    _, slopes = loss_and_gradients(exact[0], exact[1], pairs(qq=1.0), 2, "reference")
    # The interpreter cuts what it stores in bf16. Two passes add up in fp32, and torch rounds their sum.
    twins: dict[Relation, float] = {BY_NAME["qq"]: 0.5, PairRelation("again", "query", "query"): 0.5}
    _, found = loss_and_gradients(teacher, student, twins, 2, "triton")
    slope, other = slopes["query"], found["query"]
    assert slope is not None
    assert other is not None
    torch.testing.assert_close(other.double(), slope, rtol=2**-8, atol=2**-15 * float(slope.abs().max()))


def test_teacher_and_student_and_projections_of_different_dtypes() -> None:
    teacher, student = random_states([11, 4], 24, seed=1, dtype=torch.bfloat16), random_states([11, 4], 12, seed=2)
    student = replace(student, query=student.require("query").bfloat16(), key=student.require("key").float())
    student = replace(student, value=student.require("value").half())
    assert_like_reference(teacher, student, pairs(qk=1.0, vv=1.0, qq=1.0), 3, value=1e-6, gradient=2**-8)


@pytest.mark.parametrize("needed", [("query",), ("key",), ("value",), ("query", "value")])
def test_only_projections_that_need_a_gradient_get_one(needed: tuple[str, ...]) -> None:
    teacher, student = random_states([6, 3], 12, seed=1), random_states([6, 3], 6, seed=2)
    assert_like_reference(teacher, student, pairs(qk=1.0, kk=2.0), 3, needed=needed)


def test_columns_of_a_projection_need_not_be_copied_out() -> None:
    teacher, student = random_states([6, 3], 12, seed=1), random_states([6, 3], 6, seed=2)
    fused = torch.cat([student.require(name) for name in PROJECTIONS], dim=1)
    views: dict[str, Any] = dict(zip(PROJECTIONS, fused.split(6, dim=1), strict=True))
    turned: dict[str, Any] = {name: teacher.require(name).T.contiguous().T for name in PROJECTIONS}
    expected = relation_loss(teacher, student, pairs(qq=1.0, kv=1.0), 3, kernel="triton").total
    strided = relation_loss(
        replace(teacher, **turned), replace(student, **views), pairs(qq=1.0, kv=1.0), 3, kernel="triton"
    )
    assert torch.equal(strided.total, expected)


def test_the_number_of_sequences_of_the_whole_batch_divides() -> None:
    teacher, student = random_states([6, 3], 12, seed=1), random_states([6, 3], 6, seed=2)
    assert_like_reference(teacher, student, pairs(qk=1.5), 3, sequences=7)


def test_a_custom_relation_may_stand_beside_pairs() -> None:
    @dataclass(frozen=True)
    class ValueDistance:
        name: str = "value-distance"
        needs: frozenset[str] = frozenset({"value"})

        def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
            value = states.require("value")
            return -(value.unsqueeze(0) - value.unsqueeze(1)).square().sum(-1).unsqueeze(0)

    relations: dict[Relation, float] = {ValueDistance(): 0.5, **pairs(vv=1.0)}
    assert_like_reference(random_states([6, 3], 12, seed=1), random_states([6, 3], 6, seed=2), relations, 3)


def test_no_grad_gives_the_value_alone() -> None:
    teacher, student = random_states([6], 12, seed=1), random_states([6], 6, seed=2, requires_grad=True)
    with torch.no_grad():
        loss = relation_loss(teacher, student, pairs(qk=1.0), 3, kernel="triton")
    assert not loss.total.requires_grad
    assert torch.equal(loss.total, relation_loss(teacher, student, pairs(qk=1.0), 3, kernel="triton").total)


def test_the_teacher_may_have_run_in_inference_mode() -> None:
    teacher, student = random_states([6], 12, seed=1), random_states([6], 6, seed=2)
    with torch.inference_mode():
        states: dict[str, Any] = {name: state.clone() for name, state in teacher.present()}
    expected = loss_and_gradients(teacher, student, pairs(qk=1.0), 3, "triton")[1]["query"]
    found = loss_and_gradients(replace(teacher, **states), student, pairs(qk=1.0), 3, "triton")[1]["query"]
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_a_batch_without_sequences_adds_nothing() -> None:
    teacher, student = random_states([], 12, seed=1), random_states([], 6, seed=2, requires_grad=True)
    loss = relation_loss(teacher, student, pairs(qq=1.0, qk=1.0), 3, sequences=8, kernel="triton")
    loss.total.backward()
    assert float(loss.total.detach()) == 0
    assert student.require("query").grad is not None


def test_a_student_like_its_teacher_has_exactly_no_loss_and_no_gradient() -> None:
    states = random_states([37, 3], 12, seed=5, dtype=torch.float32)
    loss, slopes = loss_and_gradients(states, states, pairs(qk=1.0, vv=1.0), 3, "triton")
    assert float(loss.total.detach()) == 0
    assert all(slope is not None and float(slope.abs().max()) < 1e-8 for slope in slopes.values())


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")  # of what the kernel leaves out of its sums
def test_logits_far_below_zero_do_not_overflow_past_the_end_of_a_sequence() -> None:
    def far_below(width: int, seed: int) -> AttentionStates:
        states = random_states([19], width, seed=seed, dtype=torch.float32)
        return replace(states, query=states.require("query") + 30, key=states.require("key") - 30)

    assert_like_reference(far_below(12, 1), far_below(6, 2), pairs(qk=1.0, kq=0.5), 1, value=1e-4, gradient=1e-3)


def test_what_is_not_finite_stays_so() -> None:
    teacher, student = random_states([6], 12, seed=1), random_states([6], 6, seed=2)
    student.require("key")[3, 2] = torch.nan
    loss, slopes = loss_and_gradients(teacher, student, pairs(qk=1.0), 3, "triton")
    assert loss.total.isnan()
    assert slopes["query"] is not None
    assert slopes["query"].isnan().any()


def test_gradient_equals_finite_differences() -> None:
    lengths = (3, 1, 4)
    teacher = random_states(lengths, 12, seed=1)

    def loss(query: Tensor, key: Tensor) -> Tensor:
        states = AttentionStates(query, key, None, None, cumulative_lengths(lengths), lengths)
        return relation_loss(teacher, states, pairs(qk=0.7, kk=0.3), 2, sequences=5, kernel="triton").total

    student = random_states(lengths, 6, seed=2, requires_grad=True)
    assert torch.autograd.gradcheck(loss, (student.require("query"), student.require("key")), fast_mode=True)


def test_nothing_of_the_size_of_a_map_is_kept_for_backward() -> None:
    length, heads = 96, 2
    kept: list[Tensor] = []
    teacher, student = random_states([length], 4, seed=1), random_states([length], 4, seed=2, requires_grad=True)

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        relation_loss(teacher, student, pairs(qk=1.0, vv=1.0), heads, kernel="triton")
    assert sorted(tensor.numel() for tensor in kept) == [4 * length] * 3 + [2 * 2 * heads * length]


# Not shrunk: under the interpreter that takes minutes.
@settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=3),
    heads=st.sampled_from([1, 2, 3]),
    wide=st.sampled_from([6, 54, 66]),
    narrow=st.sampled_from([6, 36]),
    chosen=st.sets(st.sampled_from(range(9)), min_size=1, max_size=2),
    dtype=st.sampled_from([torch.float64, torch.float32, torch.bfloat16, torch.float16]),
    seed=st.integers(0, 2**16),
)
def test_ragged_batches_equal_the_reference(
    lengths: list[int], heads: int, wide: int, narrow: int, chosen: set[int], dtype: torch.dtype, seed: int
) -> None:
    teacher, student = (
        random_states(lengths, width, seed=seed + number, dtype=dtype) for number, width in enumerate((wide, narrow))
    )
    relations: dict[Relation, float] = {NINE[index]: 0.25 + index for index in sorted(chosen)}
    value, gradient = {
        torch.float64: (1e-11, 1e-9),
        torch.float32: (1e-5, 1e-4),
        torch.bfloat16: (1e-5, 2**-7),
        torch.float16: (1e-5, 2**-9),
    }[dtype]
    assert_like_reference(teacher, student, relations, heads, value=value, gradient=gradient)
