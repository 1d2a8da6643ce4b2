"""Sequences of a packed batch know nothing of each other."""

from __future__ import annotations

import copy
from itertools import combinations
from typing import TYPE_CHECKING

import torch

from reldistill.testing.check import ConformanceError
from reldistill.testing.relation.made_states import LENGTHS, changed, logits_of, random_states

if TYPE_CHECKING:
    from torch import Tensor

    from reldistill.relation import Relation

__all__ = ["check_alone", "check_order"]

CONTRACT = "logits() gets one sequence, a view into a packed batch, and gives what it would give for it alone"
CHANGE = (
    "Keep nothing from call to call, such as a cache by length or a running mean, and compute with the states that are "
    "handed over, not with what lies around them in memory."
)


def check_alone(relation: Relation) -> None:
    """Views into a packed batch against copies of the sequences, each asked about by a relation of its own."""
    unused = copy.deepcopy(relation)
    packed = random_states(LENGTHS, seed=5)
    spans = list(packed.spans())
    together = [logits_of(relation, packed.sequence(*span)).clone() for span in spans]
    for first, second in combinations(range(len(spans)), 2):
        if LENGTHS[first] == LENGTHS[second] and torch.equal(together[first], together[second]):
            raise ConformanceError(
                f"sequences {first + 1} and {second + 1} of {len(LENGTHS)}, of one length and else different, have the same "
                "logits",
                CONTRACT,
                CHANGE,
            )
    for number, (start, end) in enumerate(spans):
        alone = logits_of(copy.deepcopy(unused), changed(packed.sequence(start, end), torch.clone))
        _compare(together[number], alone, f"sequence {number + 1} of {len(LENGTHS)} has other logits than alone")


def check_order(relation: Relation) -> None:
    """The batch forwards and backwards."""
    packed = random_states(LENGTHS, seed=6)
    spans = list(packed.spans())
    forwards = [logits_of(relation, packed.sequence(*span)).clone() for span in spans]
    backwards = [logits_of(relation, packed.sequence(*span)).clone() for span in reversed(spans)]
    for number, (one, other) in enumerate(zip(forwards, reversed(backwards), strict=True)):
        _compare(
            one, other, f"with the batch in reverse order, sequence {number + 1} of {len(LENGTHS)} has other logits"
        )


def _compare(one: Tensor, other: Tensor, found: str) -> None:
    if one.shape != other.shape or not torch.allclose(one, other, rtol=1e-9, atol=1e-9):
        raise ConformanceError(found, CONTRACT, CHANGE)
