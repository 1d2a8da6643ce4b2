"""The loss against the paper's formula, written here a second time in NumPy loops that share nothing with the library."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch

from random_states import random_states
from reldistill import AttentionStates, PairRelation, relation_loss
from reldistill.loss.relation_loss import Kernel

KERNELS: tuple[Kernel, ...] = ("reference", "tiled")
NAMES = {"q": "query", "k": "key", "v": "value"}
NINE = [PairRelation(a + b, NAMES[a], NAMES[b]) for a in "qkv" for b in "qkv"]

Array = npt.NDArray[np.float64]


def row_distribution(left: Array, right: Array, head: int, heads: int, row: int) -> Array:
    """One row of equation 7 or 8, by the definition of softmax."""
    width = left.shape[1] // heads
    columns = slice(head * width, (head + 1) * width)
    logits = [float(left[row, columns] @ right[other, columns]) / math.sqrt(width) for other in range(len(right))]
    weights = np.exp(np.array(logits) - max(logits))
    return np.asarray(weights / weights.sum())


def paper_loss(
    teacher: AttentionStates, student: AttentionStates, relations: dict[PairRelation, float], heads: int, sequences: int
) -> float:
    """Equations 5 and 6, summed over the sequences and divided by their number."""
    total = 0.0
    for start, end in student.spans():
        length = end - start
        for relation, weight in relations.items():
            t_left, t_right = (teacher.require(n)[start:end].detach().numpy() for n in (relation.left, relation.right))
            s_left, s_right = (student.require(n)[start:end].detach().numpy() for n in (relation.left, relation.right))
            divergence = 0.0
            for head in range(heads):
                for row in range(length):
                    p = row_distribution(t_left, t_right, head, heads, row)
                    q = row_distribution(s_left, s_right, head, heads, row)
                    divergence += float((p * np.log(p / q)).sum())
            total += weight * divergence / (heads * length)
    return total / sequences


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("relation", NINE, ids=lambda relation: relation.name)
def test_each_relation_equals_the_formula(relation: PairRelation, kernel: Kernel) -> None:
    teacher, student = random_states([7, 1, 4], 30, seed=1), random_states([7, 1, 4], 18, seed=2)
    expected = paper_loss(teacher, student, {relation: 1.0}, 6, 3)
    assert float(relation_loss(teacher, student, {relation: 1.0}, 6, kernel=kernel).total) == pytest.approx(
        expected, rel=1e-12
    )


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("heads", [1, 2, 3, 6])
def test_weights_heads_and_divisor_enter_as_in_equation_5(heads: int, kernel: Kernel) -> None:
    relations = {relation: 0.5 + number for number, relation in enumerate(NINE)}
    teacher, student = random_states([5, 3, 11], 12, seed=3), random_states([5, 3, 11], 42, seed=4)
    loss = relation_loss(teacher, student, relations, heads, sequences=10, kernel=kernel)
    assert float(loss.total) == pytest.approx(paper_loss(teacher, student, relations, heads, 10), rel=1e-12)
    assert float(loss.terms["qk"]) == pytest.approx(paper_loss(teacher, student, {NINE[1]: 1.0}, heads, 10), rel=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
def test_single_precision_is_right_to_five_digits(kernel: Kernel) -> None:
    lengths = [33, 2, 90]
    wide, narrow = random_states(lengths, 96, seed=5), random_states(lengths, 48, seed=6)
    relations = dict.fromkeys(NINE, 1.0)
    expected = paper_loss(wide, narrow, relations, 24, 3)
    single = [random_states(lengths, width, seed=seed, dtype=torch.float32) for width, seed in ((96, 5), (48, 6))]
    assert float(relation_loss(single[0], single[1], relations, 24, kernel=kernel).total) == pytest.approx(
        expected, rel=1e-5
    )


def test_relation_heads_equal_to_attention_heads_give_attention_distributions() -> None:
    states = random_states([6], 20, seed=7)
    distribution = torch.softmax(NINE[1].logits(states, 5), dim=-1)
    heads = [t.unflatten(1, (5, 4)).transpose(0, 1) for t in (states.require("query"), states.require("key"))]
    attention = torch.softmax(heads[0] @ heads[1].mT / 4**0.5, dim=-1)
    assert torch.equal(distribution, attention)
