"""States to ask relations about."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from reldistill.relation import STATE_NAMES
from reldistill.states import AttentionStates, cumulative_lengths

if TYPE_CHECKING:
    from torch import Tensor

    from reldistill.relation import Relation

__all__ = ["HEADS", "LENGTHS", "STUDENT_WIDTH", "WIDTH", "changed", "logits_of", "only", "random_states"]

WIDTH, STUDENT_WIDTH = 12, 8
"""Of a teacher and of a student."""

HEADS = (1, 2, 4)
"""Numbers of relation heads that divide both widths."""

LENGTHS = (5, 1, 3, 5)
"""Of the sequences of a packed batch; two are of one length, and one is a single token."""


def random_states(
    lengths: Sequence[int] = (5,), width: int = WIDTH, *, seed: int = 0, dtype: torch.dtype = torch.float64
) -> AttentionStates:
    """All four states, ``[sum of lengths, width]`` each, from a standard normal distribution."""
    generator = torch.Generator().manual_seed(seed)
    query, key, value, hidden = (
        torch.randn(sum(lengths), width, generator=generator, dtype=torch.float64).to(dtype) for _ in STATE_NAMES
    )
    return AttentionStates(query, key, value, hidden, cumulative_lengths(lengths), tuple(lengths))


def changed(states: AttentionStates, change: Callable[[Tensor], Tensor]) -> AttentionStates:
    """The states with each tensor that is there put through ``change``."""
    tensors: dict[str, Any] = {name: change(state) for name, state in states.present()}
    return replace(states, **tensors)


def only(states: AttentionStates, names: Collection[str]) -> AttentionStates:
    """The states of these names, as a run captures them."""
    absent: dict[str, Any] = dict.fromkeys(set(STATE_NAMES) - set(names))
    return replace(states, **absent)


def logits_of(relation: Relation, states: AttentionStates, relation_heads: int = 2) -> Tensor:
    """What the relation gives for the states that it needs."""
    return relation.logits(only(states, relation.needs), relation_heads)
