"""What a relation is: pairs of tokens of one sequence, compared head by head (paper, section 3.1).

Shape letters: n tokens of one sequence, A relation heads, d width of a relation head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor

    from reldistill.states import AttentionStates

__all__ = ["STATE_NAMES", "PairRelation", "Relation", "split_heads"]

STATE_NAMES = ("query", "key", "value", "hidden")
"""What a relation can be made of: the fields of :class:`reldistill.states.AttentionStates`."""

PAIR_STATES = STATE_NAMES[:3]


@runtime_checkable
class Relation(Protocol):
    """A relation that students learn. Hashable, because a set of relations with weights is a mapping.

    The loss takes a softmax over the last axis of the logits of teacher and student and compares the rows by their
    Kullback-Leibler divergence (paper, equation 6), so a relation says only what the logits are.
    """

    @property
    def name(self) -> str:
        """What stands in ``--relations``: a letter, then letters, digits, ``_``, ``-`` or ``.``."""
        ...

    @property
    def needs(self) -> frozenset[str]:
        """The states it reads, of ``{"query", "key", "value", "hidden"}``. Only these are captured."""
        ...

    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        """``[heads, n, n]`` of one sequence of n tokens, before the softmax. Must be differentiable."""
        ...


@dataclass(frozen=True)
class PairRelation:
    """Scaled dot product of two of query, key and value (paper, equations 7 and 8). Takes the fast kernels.

    ``R = softmax(left_a · right_aᵀ / sqrt(d))`` for each relation head a, with ``d = width / relation heads``.
    """

    name: str
    left: str
    right: str

    def __post_init__(self) -> None:
        for state in (self.left, self.right):
            if state not in PAIR_STATES:
                raise ValueError(
                    f"relation {self.name!r}: {state!r} is not a projection; allowed: {', '.join(PAIR_STATES)}"
                )

    @property
    def needs(self) -> frozenset[str]:
        """The two projections; one where both are the same."""
        return frozenset((self.left, self.right))

    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        """``[A, n, n]``: equations 7 and 8 before the softmax."""
        left = split_heads(states.require(self.left), relation_heads)
        right = split_heads(states.require(self.right), relation_heads)
        scaled: Tensor = left @ right.mT / left.shape[-1] ** 0.5
        return scaled


def split_heads(state: Tensor, relation_heads: int) -> Tensor:
    """``[n, A·d] -> [A, n, d]``: the concatenated heads, cut anew into A relation heads (paper, section 3.1)."""
    heads: Tensor = state.unflatten(-1, (relation_heads, -1)).transpose(0, 1)
    return heads
