"""A relation is a key of a mapping, and a function of its states alone."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch

from reldistill.testing.check import ConformanceError
from reldistill.testing.relation.made_states import logits_of, random_states

if TYPE_CHECKING:
    from reldistill.relation import Relation

__all__ = ["check_deterministic", "check_hash"]


def check_hash(relation: Relation) -> None:
    """Equality and hash agree and last."""
    contract = "a relation is hashable: relations with their weights are a mapping"
    before, twin = hash(relation), copy.deepcopy(relation)
    if relation != relation or (relation == twin and hash(twin) != before):
        raise ConformanceError(
            "two relations that are equal have different hashes, or one is not equal to itself",
            contract,
            "Let the same fields decide __eq__ and __hash__: @dataclass(frozen=True) writes both.",
        )
    logits_of(relation, random_states())
    if hash(relation) != before or (relation == copy.deepcopy(relation)) != (relation == twin):
        raise ConformanceError(
            "the hash, or what it is equal to, was another after logits() had been called",
            contract,
            "Keep nothing in the relation that logits() changes; @dataclass(frozen=True) sees to it.",
        )


def check_deterministic(relation: Relation) -> None:
    """Twice the same bits, whatever torch's generator and earlier calls were."""
    states = random_states(dtype=torch.float32)
    drawn = torch.get_rng_state()
    try:
        first = logits_of(relation, states).clone()
        logits_of(relation, random_states((4,), seed=1, dtype=torch.float32))
        torch.manual_seed(1)
        second = logits_of(relation, states)
    finally:
        torch.set_rng_state(drawn)
    if not torch.equal(first, second):
        raise ConformanceError(
            f"the same states gave logits that differ by up to {float((first - second).abs().max()):.2g}",
            "logits depend on the states alone: teacher and student are compared, and a resumed run repeats itself",
            "Leave out random numbers, dropout, and anything that is kept from one call to the next.",
        )
