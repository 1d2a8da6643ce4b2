"""Pair relations in tiles that fit the cache: value and gradient in one pass, no map of a whole sequence kept.

A tile is a few relation heads times a few rows of one sequence, of long ones a block of columns at a time. Of each tile
only three things outlast it: what it adds to the value, to the gradient of the left and to the gradient of the right
projection. The gradient of the student's logits is ``α / (A · n · B) · (R_student - R_teacher)`` (METHOD.md; paper,
equations 5 to 8 differentiated), so forward and backward share the two softmaxes.

Shape letters: n tokens of a sequence, A relation heads, a heads of a tile, r rows of a tile, d width of a head.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from reldistill.loss.kept_gradient import KeptGradient, weighted_sum
from reldistill.loss.precision import accumulation_dtype
from reldistill.loss.tiles import BLOCK_COLUMNS, LONG, long_strip, strip, whole_maps
from reldistill.relation import PAIR_STATES
from reldistill.states import AttentionStates

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from torch import Tensor

    from reldistill.relation import PairRelation, Relation

__all__ = ["TILE_ELEMENTS", "tiled_terms"]

TILE_ELEMENTS = 1 << 17
"""Logits in a tile. Four tiles of fp32 are alive at a time: 2 MiB, the level-2 caches of two cores of a server CPU."""


def tiled_terms(
    teacher: AttentionStates,
    student: AttentionStates,
    relations: Mapping[PairRelation, float],
    relation_heads: int,
    divisor: int,
) -> tuple[Tensor, dict[Relation, Tensor]]:
    """Equation 5 as a differentiable scalar, and equation 6 for each relation."""
    states = tuple(getattr(student, name) for name in PAIR_STATES)
    total, *terms = _TiledPairs.apply(teacher, student.lengths, relations, relation_heads, divisor, *states)
    return total, dict(zip(relations, terms, strict=True))


class _TiledPairs(KeptGradient):
    """Keeps the gradient of the projections, ``[T, D]`` each, and nothing else."""

    @staticmethod
    def forward(
        ctx: Any,
        teacher: AttentionStates,
        lengths: tuple[int, ...],
        relations: Mapping[PairRelation, float],
        relation_heads: int,
        divisor: int,
        *projections: Tensor | None,
    ) -> tuple[Tensor, ...]:
        student = dict(zip(PAIR_STATES, projections, strict=True))
        present = next(state for _, state in teacher.present())
        dtype = accumulation_dtype(present.dtype)
        for state in projections:
            dtype = dtype if state is None else torch.promote_types(dtype, state.dtype)
        used = sorted({name for relation in relations for name in relation.needs})
        wanted = {name for name in used if (state := student[name]) is not None and state.requires_grad}
        gradients = {name: torch.zeros_like(_state(student, name), dtype=dtype) for name in sorted(wanted)}
        terms = {relation: torch.zeros((), dtype=dtype, device=present.device) for relation in relations}

        start = 0
        for length in lengths:
            end = start + length
            left_behind = {name: _heads(_state(student, name), start, end, relation_heads, dtype) for name in used}
            guide = {name: _heads(teacher.require(name), start, end, relation_heads, dtype) for name in used}
            slopes = {name: torch.zeros_like(left_behind[name]) for name in wanted}
            share = 1.0 / (relation_heads * length * divisor)
            for heads, rows, together in _tiles(relations, relation_heads, length):
                # `left_behind` carries half of the scale on each side; the slopes of the unscaled states need the other half.
                widths = [left_behind[relation.left].shape[-1] for relation in together]
                coefficients = [share * relations[r] * _scale(d) for r, d in zip(together, widths, strict=True)]
                if rows is None:
                    found = whole_maps(together, guide, left_behind, slopes, heads, coefficients)
                else:
                    one = long_strip if length >= LONG else strip
                    found = [one(together[0], guide, left_behind, slopes, heads, rows, coefficients[0])]
                for relation, divergence in zip(together, found, strict=True):
                    terms[relation] += divergence * share
            for name, slope in slopes.items():
                gradients[name][start:end] = slope.transpose(0, 1).flatten(1)
            start = end

        total = weighted_sum(relations, terms)
        KeptGradient.keep(ctx, projections, [gradients.get(name) for name in PAIR_STATES])
        ctx.mark_non_differentiable(*terms.values())
        return total, *terms.values()


def _scale(width: int) -> float:
    """``d ** -1/4``: put on both sides of a product it makes the ``1 / sqrt(d)`` of equations 7 and 8."""
    return float(width**-0.25)


def _heads(state: Tensor, start: int, end: int, relation_heads: int, dtype: torch.dtype) -> Tensor:
    """``[n, A·d] -> [A, n, d]``, contiguous, each side of the product with its half of the scale."""
    part: Tensor = state.detach()[start:end].to(dtype).unflatten(-1, (relation_heads, -1)).transpose(0, 1)
    return part.mul(_scale(part.shape[-1])).contiguous()


def _tiles(
    relations: Iterable[PairRelation], relation_heads: int, length: int
) -> Iterator[tuple[slice, slice | None, list[PairRelation]]]:
    """Heads, rows and relations of tiles of at most about :data:`TILE_ELEMENTS` logits.

    Whole heads (rows is None) where one fits, a relation and its transpose together; else rows of one relation.
    """
    columns = length if length < LONG else BLOCK_COLUMNS
    heads = max(1, min(relation_heads, TILE_ELEMENTS // (length * length)))
    whole = length < LONG and length * length <= TILE_ELEMENTS
    rows = max(1, min(length, TILE_ELEMENTS // columns))
    for together in _transposes(relations) if whole else ([relation] for relation in relations):
        for head in range(0, relation_heads, heads):
            taken = slice(head, min(head + heads, relation_heads))
            if whole:
                yield taken, None, together
                continue
            for row in range(0, length, rows):
                yield taken, slice(row, min(row + rows, length)), together


def _transposes(relations: Iterable[PairRelation]) -> list[list[PairRelation]]:
    """Relations of the same two projections together."""
    found: dict[frozenset[str], list[PairRelation]] = {}
    for relation in relations:
        found.setdefault(relation.needs, []).append(relation)
    return list(found.values())


def _state(states: Mapping[str, Tensor | None], name: str) -> Tensor:
    state = states[name]
    if state is None:
        raise ValueError(f"the state {name!r} of the student was not captured")
    return state
