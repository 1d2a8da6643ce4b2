"""Relations of directions alone: cosines in place of scaled dot products.

For each relation head a of one state x of the layer (query, key, value, or the layer's input), with head size d:

    R_a[i, j] = softmax_j( sqrt(d) · cos(x_a[i], x_a[j]) )

A scaled dot product, x_a[i] · x_a[j] / sqrt(d), is this times |x_a[i]| |x_a[j]| / d: it also tells how long the vectors
are. Where teacher and student have different widths, lengths differ anyway, and the student need not imitate them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from reldistill import AttentionStates, hookimpl

__all__ = ["CosineRelation", "reldistill_api", "reldistill_relations"]

reldistill_api = 1


@dataclass(frozen=True)
class CosineRelation:
    """Cosines between the tokens' vectors in one state, head by head."""

    name: str
    state: str

    @property
    def needs(self) -> frozenset[str]:
        """The one state."""
        return frozenset({self.state})

    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        """``[relation heads, n, n]`` of one sequence of n tokens: sqrt(d) · cos."""
        heads = states.require(self.state).unflatten(-1, (relation_heads, -1)).transpose(0, 1)  # [heads, n, d]
        unit = torch.nn.functional.normalize(heads, dim=-1)
        scaled: Tensor = heads.shape[-1] ** 0.5 * unit @ unit.mT
        return scaled


@hookimpl
def reldistill_relations() -> Iterable[CosineRelation]:
    """``cos-qq``, ``cos-kk``, ``cos-vv`` and, of the layer's input, ``cos-hidden``."""
    short = {"query": "cos-qq", "key": "cos-kk", "value": "cos-vv", "hidden": "cos-hidden"}
    return [CosineRelation(name, state) for state, name in short.items()]
