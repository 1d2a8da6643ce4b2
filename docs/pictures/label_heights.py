"""Heights of the labels beside curves: as near to their ends as can be without one label on another."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

__all__ = ["label_heights"]

APART = 17.0
"""Units between two labels."""


def label_heights(ends: Sequence[float], apart: float = APART) -> list[float]:
    """A height for each end, in the order of the ends, with the least sum of squared distances from them.

    Labels that would touch form a stack, which stands at the mean of where its labels want to be; stacks that would touch
    become one (isotonic regression by pooling neighbours).
    """
    order = sorted(range(len(ends)), key=lambda number: ends[number])
    stacks: list[list[float]] = []  # each label's wish for the top of all: its end less the labels above it
    for place, number in enumerate(order):
        stacks.append([ends[number] - place * apart])
        while len(stacks) > 1 and fmean(stacks[-2]) > fmean(stacks[-1]):
            stacks[-2:] = [stacks[-2] + stacks[-1]]
    tops = [fmean(stack) for stack in stacks for _ in stack]
    heights = dict(zip(order, (top + place * apart for place, top in enumerate(tops)), strict=True))
    return [heights[number] for number in range(len(ends))]
