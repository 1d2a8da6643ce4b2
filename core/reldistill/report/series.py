"""The points of a line, and what is left of them where a chart has fewer columns than the line has points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Column", "Point", "drawable", "thinned"]

Point = tuple[float, float]
"""A step and what was measured there."""

LARGEST = 1e100


@dataclass(frozen=True)
class Column:
    """What the points that fall together have: their mean step, and the least, mean and greatest of their values."""

    step: float
    least: float
    mean: float
    greatest: float


def drawable(value: float) -> bool:
    """Whether a value has a place on an axis: it is finite, and the difference of two of them is."""
    return abs(value) <= LARGEST


def thinned(points: Sequence[Point], low: float, high: float, columns: int) -> list[list[Column]]:
    """At most ``columns`` columns of equal width from step ``low`` to step ``high``; of fewer points each is one by itself.

    The same points always give the same result, and no value is outside those given. A line ends, and another begins,
    where all values of a column are not :func:`drawable`.
    """
    width = (high - low) / columns or 1.0
    together: dict[int, list[Point]] = {}
    for number, point in enumerate(points):
        column = number if len(points) <= columns else min(int((point[0] - low) / width), columns - 1)
        found = together.setdefault(column, [])
        if drawable(point[1]):
            found.append(point)
    lines: list[list[Column]] = [[]]
    for _, found in sorted(together.items()):
        if found:
            lines[-1].append(_column(found))
        else:
            lines.append([])
    return [line for line in lines if line]


def _column(points: Sequence[Point]) -> Column:
    values = [value for _, value in points]
    least, greatest = min(values), max(values)
    mean = min(max(sum(values) / len(values), least), greatest)  # by rounding it may be just outside
    return Column(sum(step for step, _ in points) / len(points), least, mean, greatest)
