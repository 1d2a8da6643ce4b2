"""One tile of pair relations: its divergence, and what it adds to the gradient of the projections.

Each function takes the heads of teacher and student, name of a projection -> ``[A, n, d]``, each side of the product with its half
of the scale, and adds to ``slopes``, of the same shape, for those projections that are in it. ``coefficient`` is what the
gradient of the unscaled logits, ``R_student - R_teacher``, is multiplied by.

Shape letters: n tokens of a sequence, A relation heads, a heads of a tile, r rows of a tile, c columns of a block, d width
of a head.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from reldistill.relation import PairRelation

__all__ = ["BLOCK_COLUMNS", "LONG", "long_strip", "strip", "whole_maps"]

LONG = 2_048
"""From this length on a strip is cut along the columns too."""

BLOCK_COLUMNS = 1_024
"""Columns of such a piece."""

Heads = Mapping[str, Tensor]


def whole_maps(
    relations: Sequence[PairRelation],
    teacher: Heads,
    student: Heads,
    slopes: Heads,
    heads: slice,
    coefficients: Sequence[float],
) -> list[Tensor]:
    """Whole maps of some heads, in one relation or in two that are each other's transpose, as qk and kq are.

    Such two have the same logits, one takes its softmax along the other's columns, and their gradients are added up before
    they are multiplied. A self relation has symmetric logits, so that one product with ``G + Gᵀ`` is its gradient.
    """
    left, right = relations[0].left, relations[0].right
    theirs = teacher[left][heads] @ teacher[right][heads].mT  # [a, n, n]
    ours = student[left][heads] @ student[right][heads].mT
    divergences: list[Tensor] = []
    gradient: Tensor | None = None
    for relation, coefficient in zip(relations, coefficients, strict=True):
        divergence, slope = _compared(theirs, ours, dim=-1 if relation.left == left else -2)
        divergences.append(divergence)
        if left in slopes or right in slopes:
            slope = slope.mul_(coefficient)
            gradient = slope if gradient is None else gradient.add_(slope)
    if gradient is not None and left == right:
        slopes[left][heads].baddbmm_(gradient + gradient.mT, student[left][heads])
    elif gradient is not None:
        _add(gradient, left, right, student, slopes, heads, slice(None), slice(None))
    return divergences


def strip(
    relation: PairRelation, teacher: Heads, student: Heads, slopes: Heads, heads: slice, rows: slice, coefficient: float
) -> Tensor:
    """Some rows of a map, with all their columns."""
    left, right = relation.left, relation.right
    theirs = teacher[left][heads, rows] @ teacher[right][heads].mT  # [a, r, n]
    ours = student[left][heads, rows] @ student[right][heads].mT
    divergence, slope = _compared(theirs, ours, dim=-1)
    _add(slope.mul_(coefficient), left, right, student, slopes, heads, rows, slice(None))
    return divergence


def long_strip(
    relation: PairRelation, teacher: Heads, student: Heads, slopes: Heads, heads: slice, rows: slice, coefficient: float
) -> Tensor:
    """The same, a block of columns at a time: maxima and sums run along with them, the gradient takes a second pass.

    With shifted logits ``t = T - max T`` and ``s = S - max S``, a row's ``KL(P ‖ Q)`` is
    ``Σ e^t (t - s) / Σ e^t - ln Σ e^t + ln Σ e^s``; when a maximum moves, its sums are brought to the new one.
    """
    left, right = relation.left, relation.right
    their_rows, our_rows = teacher[left][heads, rows], student[left][heads, rows]  # [a, r, d]
    length = student[right].shape[1]
    columns = [slice(first, first + BLOCK_COLUMNS) for first in range(0, length, BLOCK_COLUMNS)]
    shape = (*our_rows.shape[:-1], 1)
    their_most, our_most = (our_rows.new_full(shape, -torch.inf) for _ in range(2))
    their_sum, our_sum, difference = (our_rows.new_zeros(shape) for _ in range(3))
    for block in columns:
        theirs = their_rows @ teacher[right][heads, block].mT  # [a, r, c]
        ours = our_rows @ student[right][heads, block].mT
        their_new = torch.maximum(their_most, theirs.amax(-1, keepdim=True))
        our_new = torch.maximum(our_most, ours.amax(-1, keepdim=True))
        if block.start > 0:
            their_move, our_move = their_most - their_new, our_most - our_new
            difference = (difference + their_sum * (their_move - our_move)) * their_move.exp()
            their_sum, our_sum = their_sum * their_move.exp(), our_sum * our_move.exp()
        their_most, our_most = their_new, our_new
        theirs, ours = theirs.sub_(their_most), ours.sub_(our_most)
        weights = theirs.exp()
        their_sum = their_sum + weights.sum(-1, keepdim=True)
        difference = difference + weights.mul_(theirs.sub_(ours)).sum(-1, keepdim=True)
        our_sum = our_sum + ours.exp_().sum(-1, keepdim=True)
    divergence = (difference / their_sum - their_sum.log() + our_sum.log()).sum()
    if left in slopes or right in slopes:
        for block in columns:
            theirs = (their_rows @ teacher[right][heads, block].mT).sub_(their_most).exp_().div_(their_sum)
            ours = (our_rows @ student[right][heads, block].mT).sub_(our_most).exp_().div_(our_sum)
            slope = ours.sub_(theirs).mul_(coefficient)
            _add(slope, left, right, student, slopes, heads, rows, block)
    return divergence


def _compared(theirs: Tensor, ours: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """The divergence along a dimension of the logits, summed, and ``Q - P``."""
    teacher_log, student_log = torch.log_softmax(theirs, dim), torch.log_softmax(ours, dim)
    probability = teacher_log.exp()
    # sum() adds pairwise; a dot product of a whole tile would lose three digits in fp32.
    divergence = teacher_log.sub_(student_log).mul_(probability).sum()
    return divergence, student_log.exp_().sub_(probability)


def _add(
    slope: Tensor, left: str, right: str, student: Heads, slopes: Heads, heads: slice, rows: slice, columns: slice
) -> None:
    """From the gradient of logits, ``[a, r, c]``, to that of both projections."""
    if left in slopes:
        slopes[left][heads, rows].baddbmm_(slope, student[right][heads, columns])
    if right in slopes:
        slopes[right][heads, columns].baddbmm_(slope.mT, student[left][heads, rows])
