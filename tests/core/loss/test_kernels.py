"""What holds for every kernel: gradients, independence of neighbours, cutting, precision, errors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from random_states import random_states
from reldistill import AttentionStates, PairRelation, PluginError, Relation, UsageError, relation_loss
from reldistill.loss import tiled, tiles
from reldistill.loss.relation_loss import Kernel
from reldistill.states import cumulative_lengths

KERNELS: tuple[Kernel, ...] = ("reference", "tiled")
NAMES = {"q": "query", "k": "key", "v": "value"}
NINE = [PairRelation(a + b, NAMES[a], NAMES[b]) for a in "qkv" for b in "qkv"]


@dataclass(frozen=True)
class HiddenCosine:
    """A relation that is no pair of projections, with one head whatever the relation heads are."""

    name: str = "hidden-cosine"
    needs: frozenset[str] = frozenset({"hidden"})

    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        hidden = states.require("hidden")
        unit = hidden / hidden.norm(dim=-1, keepdim=True)
        cosines: Tensor = 3 * unit @ unit.T
        return cosines.unsqueeze(0)


EVERY: list[Relation] = [*NINE, HiddenCosine()]


@pytest.mark.parametrize("relation", EVERY, ids=lambda relation: relation.name)
def test_gradient_equals_finite_differences(relation: Relation) -> None:
    lengths = (3, 1, 4)
    teacher = random_states(lengths, 12, seed=1)

    def loss(query: Tensor, key: Tensor, value: Tensor, hidden: Tensor) -> Tensor:
        states = AttentionStates(query, key, value, hidden, cumulative_lengths(lengths), lengths)
        return relation_loss(teacher, states, {relation: 0.7}, 3, sequences=5).total

    inputs = [tensor for _, tensor in random_states(lengths, 6, seed=2, requires_grad=True).present()]
    assert torch.autograd.gradcheck(loss, inputs, fast_mode=True)


def as_leaves(states: AttentionStates, dtype: torch.dtype | None = None) -> AttentionStates:
    copies: dict[str, Any] = {n: s.detach().clone().to(dtype or s.dtype).requires_grad_() for n, s in states.present()}
    return replace(states, **copies)


def gradients(
    teacher: AttentionStates, student: AttentionStates, relations: dict[Relation, float], heads: int, kernel: Kernel
) -> tuple[float, list[Tensor]]:
    leaves = as_leaves(student)
    loss = relation_loss(teacher, leaves, relations, heads, kernel=kernel)
    loss.total.backward()
    found = [torch.zeros_like(state) if state.grad is None else state.grad for _, state in leaves.present()]
    return float(loss.total.detach()), found


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    heads=st.sampled_from([1, 2, 3, 5, 6, 10]),
    wide=st.sampled_from([30, 60, 210]),
    narrow=st.sampled_from([30, 90]),
    chosen=st.sets(st.sampled_from(range(len(EVERY))), min_size=1),
    tile=st.sampled_from([1, 7, 64, 1 << 17]),
    long=st.sampled_from([2, 11, 2_048]),
    seed=st.integers(0, 2**16),
)
def test_tiled_equals_reference_on_ragged_batches(
    lengths: list[int], heads: int, wide: int, narrow: int, chosen: set[int], tile: int, long: int, seed: int
) -> None:
    teacher, student = random_states(lengths, wide, seed=seed), random_states(lengths, narrow, seed=seed + 1)
    relations = {EVERY[index]: 0.25 + index for index in sorted(chosen)}
    expected, slopes = gradients(teacher, student, relations, heads, "reference")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiled, "TILE_ELEMENTS", tile)
        patch.setattr(tiled, "LONG", long)  # from this length on columns come in blocks, of 7 here
        patch.setattr(tiled, "BLOCK_COLUMNS", 7)
        patch.setattr(tiles, "BLOCK_COLUMNS", 7)
        value, found = gradients(teacher, student, relations, heads, "tiled")
    assert value == pytest.approx(expected, rel=1e-10)
    for slope, other in zip(slopes, found, strict=True):
        torch.testing.assert_close(other, slope, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
def test_neighbours_in_a_batch_change_nothing(kernel: Kernel) -> None:
    relations: dict[Relation, float] = dict.fromkeys(EVERY, 1.0)
    teacher, student = random_states([4, 9, 6], 24, seed=1), random_states([4, 9, 6], 12, seed=2)
    alone_value, alone = gradients(teacher.sequence(4, 13), student.sequence(4, 13), relations, 6, kernel)
    parts = [
        float(relation_loss(teacher.sequence(a, b), student.sequence(a, b), relations, 6).total)
        for a, b in student.spans()
    ]
    value, together = gradients(teacher, student, relations, 6, kernel)
    assert parts[1] == pytest.approx(alone_value, rel=1e-12)
    assert value == pytest.approx(sum(parts) / 3, rel=1e-12)
    for one, all_ in zip(alone, together, strict=True):
        torch.testing.assert_close(all_[4:13] * 3, one)


@pytest.mark.parametrize("relation", [NINE[0], HiddenCosine()], ids=lambda relation: relation.name)
def test_a_second_derivative_of_a_kept_gradient_is_refused_instead_of_zero(relation: Relation) -> None:
    teacher, student = random_states([5, 2], 12, seed=1), random_states([5, 2], 6, seed=2, requires_grad=True)
    states = [state for name, state in student.present() if name in relation.needs]
    loss = relation_loss(teacher, student, {relation: 1.0}, 3, kernel="tiled").total
    gradient, *_ = torch.autograd.grad(loss.square(), states, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def slice_of(states: AttentionStates, start: int, end: int, lengths: tuple[int, ...]) -> AttentionStates:
    query, key, value, hidden = (state[start:end] for _, state in states.present())
    return AttentionStates(query, key, value, hidden, cumulative_lengths(lengths), lengths)


@pytest.mark.parametrize("kernel", KERNELS)
def test_unequal_micro_batches_add_up_to_the_whole(kernel: Kernel) -> None:
    relations: dict[Relation, float] = dict.fromkeys(EVERY, 0.5)
    teacher, student = (
        random_states([5, 2, 8, 3], 24, seed=3),
        random_states([5, 2, 8, 3], 12, seed=4, requires_grad=True),
    )
    whole = relation_loss(teacher, student, relations, 6, kernel=kernel)
    slope = torch.autograd.grad(whole.total, student.require("key"))[0]

    cuts, value, summed = [(0, 5, (5,)), (5, 18, (2, 8, 3))], 0.0, torch.zeros_like(slope)
    for start, end, lengths in cuts:
        part = [slice_of(states, start, end, lengths) for states in (teacher, student)]
        loss = relation_loss(part[0], part[1], relations, 6, sequences=4, kernel=kernel)
        value += float(loss.total.detach())
        summed += torch.autograd.grad(loss.total, student.require("key"))[0]
    assert value == pytest.approx(float(whole.total.detach()), rel=1e-12)
    torch.testing.assert_close(summed, slope)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_student_like_its_teacher_has_no_loss_and_no_gradient(kernel: Kernel) -> None:
    states = random_states([5, 3], 12, seed=5)
    value, slopes = gradients(states, states, dict.fromkeys(EVERY, 1.0), 3, kernel)
    assert value == pytest.approx(0, abs=1e-14)
    assert max(float(slope.abs().max()) for slope in slopes) < 1e-12


@pytest.mark.parametrize("kernel", KERNELS)
def test_no_gradient_reaches_the_teacher(kernel: Kernel) -> None:
    teacher, student = (
        random_states([4], 12, seed=1, requires_grad=True),
        random_states([4], 12, seed=2, requires_grad=True),
    )
    relation_loss(teacher, student, dict.fromkeys(EVERY, 1.0), 3, kernel=kernel).total.backward()
    assert all(state.grad is None for _, state in teacher.present())


@pytest.mark.parametrize("kernel", KERNELS)
def test_states_in_bf16_are_computed_in_fp32_and_get_bf16_gradients(kernel: Kernel) -> None:
    half = [random_states([9, 4], width, seed=width, dtype=torch.bfloat16, requires_grad=True) for width in (24, 12)]
    full = [as_leaves(states, torch.float32) for states in half]
    relations: dict[Relation, float] = {NINE[0]: 1.0, HiddenCosine(): 1.0}
    loss, expected = (relation_loss(pair[0], pair[1], relations, 6, kernel=kernel).total for pair in (half, full))
    assert loss.dtype is torch.float32
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-6)
    loss.backward()
    query = half[1].require("query").grad
    assert query is not None
    assert query.dtype is torch.bfloat16


@pytest.mark.parametrize("kernel", KERNELS)
def test_autocast_of_the_models_does_not_reach_the_loss(kernel: Kernel) -> None:
    teacher, student = (random_states([17], 24, seed=seed, dtype=torch.float32) for seed in (1, 2))
    expected = relation_loss(teacher, student, {NINE[0]: 1.0}, 6, kernel=kernel).total
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(relation_loss(teacher, student, {NINE[0]: 1.0}, 6, kernel=kernel).total, expected)


@pytest.mark.parametrize("kernel", KERNELS)
def test_an_empty_part_of_a_batch_adds_nothing(kernel: Kernel) -> None:
    teacher, student = random_states([], 12, seed=1), random_states([], 6, seed=2, requires_grad=True)
    loss = relation_loss(teacher, student, dict.fromkeys(EVERY, 1.0), 3, sequences=8, kernel=kernel)
    loss.total.backward()
    assert float(loss.total.detach()) == 0


def test_heads_that_do_not_divide_are_refused_with_those_that_do() -> None:
    teacher, student = random_states([4], 24, seed=1), random_states([4], 18, seed=2)
    with pytest.raises(UsageError, match="1, 2, 3, 6"):
        relation_loss(teacher, student, {NINE[0]: 1.0}, 4)


def test_a_state_that_was_not_captured_is_named() -> None:
    teacher, student = random_states([4], 12, seed=1), replace(random_states([4], 12, seed=2), value=None)
    with pytest.raises(ValueError, match="'value' was not captured; captured: query, key, hidden"):
        relation_loss(teacher, student, {NINE[8]: 1.0}, 2)


def test_a_custom_relation_of_wrong_shape_is_a_plugin_error() -> None:
    @dataclass(frozen=True)
    class Flat:
        name: str = "flat"
        needs: frozenset[str] = frozenset({"hidden"})

        def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
            return states.require("hidden")

    with pytest.raises(PluginError, match=r"'flat' gave logits of shape \[4, 12\]"):
        relation_loss(random_states([4], 12, seed=1), random_states([4], 12, seed=2), {Flat(): 1.0}, 2)


@pytest.mark.parametrize("heads", [2, 12])
def test_long_sequences_lose_no_digits_in_single_precision(heads: int) -> None:
    wide, narrow = (random_states([512], width, seed=width, dtype=torch.float32) for width in (36, 24))
    exact = [as_leaves(states, torch.float64) for states in (wide, narrow)]
    value = float(relation_loss(wide, narrow, {NINE[0]: 1.0}, heads).total)
    expected = float(relation_loss(exact[0], exact[1], {NINE[0]: 1.0}, heads, kernel="reference").total.detach())
    assert value == pytest.approx(expected, rel=1e-6)


def test_a_divisor_below_one_is_refused() -> None:
    states = random_states([4], 12, seed=1)
    with pytest.raises(ValueError, match="cannot be divided by -5 sequences"):
        relation_loss(states, states, {NINE[0]: 1.0}, 2, sequences=-5)


def test_relation_heads_as_many_as_elements_and_as_one() -> None:
    teacher, student = random_states([9, 1, 26], 768, seed=1), random_states([9, 1, 26], 384, seed=2)
    for heads in (1, 6, 12, 48, 64, 384):
        expected, slopes = gradients(teacher, student, dict.fromkeys(NINE, 1.0), heads, "reference")
        value, found = gradients(teacher, student, dict.fromkeys(NINE, 1.0), heads, "tiled")
        assert value == pytest.approx(expected, rel=1e-10)
        for slope, other in zip(slopes, found, strict=True):
            torch.testing.assert_close(other, slope, rtol=1e-8, atol=1e-12)


def test_a_sequence_of_more_tokens_than_a_strip_has_columns() -> None:
    teacher, student = random_states([2_300, 3], 6, seed=1), random_states([2_300, 3], 4, seed=2)
    relations: dict[Relation, float] = {NINE[0]: 1.0, NINE[5]: 0.5}
    expected, slopes = gradients(teacher, student, relations, 2, "reference")
    value, found = gradients(teacher, student, relations, 2, "tiled")
    assert value == pytest.approx(expected, rel=1e-10)
    for slope, other in zip(slopes, found, strict=True):
        torch.testing.assert_close(other, slope, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("lengths", [(9, 5), (600, 3)], ids=str)
def test_relations_of_the_same_projections_under_two_names_count_each(lengths: tuple[int, ...]) -> None:
    """A plugin may bring qk under a name of its own, beside the built-in qk and kq."""
    again = [PairRelation("mine", "query", "key"), PairRelation("self", "query", "query")]
    relations: dict[Relation, float] = {NINE[1]: 1.0, again[0]: 0.5, NINE[3]: 2.0, NINE[0]: 1.0, again[1]: 0.25}
    teacher, student = random_states(lengths, 12, seed=1), random_states(lengths, 6, seed=2)
    expected, slopes = gradients(teacher, student, relations, 3, "reference")
    value, found = gradients(teacher, student, relations, 3, "tiled")
    single = [as_leaves(states, torch.float32) for states in (teacher, student)]
    rough, rough_slopes = gradients(single[0], single[1], relations, 3, "native")
    assert value == pytest.approx(expected, rel=1e-10)
    assert rough == pytest.approx(expected, rel=1e-5)
    for slope, other, third in zip(slopes, found, rough_slopes, strict=True):
        torch.testing.assert_close(other, slope, rtol=1e-8, atol=1e-12)
        torch.testing.assert_close(third.double(), slope, rtol=1e-4, atol=1e-6)
