"""Losses as shares of what they were at the start, over the tokens that were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10

from docs.pictures.canvas import Canvas
from docs.pictures.label_heights import label_heights

from reldistill.report.style import LIGHT
from reldistill.report.ticks import log_ticks, tick_label

__all__ = ["Line", "share_curves"]

LEFT, RIGHT, TOP, BOTTOM = 60, 480, 56, 330


@dataclass(frozen=True)
class Line:
    """``points``: tokens, from more than none, and share."""

    label: str
    points: Sequence[tuple[float, float]]


def share_curves(title: str, lines: Sequence[Line]) -> str:
    """A curve a line, tokens on a scale of powers of ten, shares from 0 to 1; dashed where a colour serves a second time."""
    tokens = [point[0] for line in lines for point in line.points]
    low, high = min(tokens), max(tokens)
    said = " ".join(
        f"{line.label}: {line.points[0][1]:.2f} at {tick_label(round(line.points[0][0], -3))} tokens, "
        f"{line.points[-1][1]:.2f} at {tick_label(round(line.points[-1][0], -3))}."
        for line in lines
    )
    canvas = Canvas(680, 390, title, said)

    def at(point: tuple[float, float]) -> tuple[float, float]:
        along = (log10(point[0]) - log10(low)) / (log10(high) - log10(low)) if high > low else 0.5
        return LEFT + (RIGHT - LEFT) * along, BOTTOM - (BOTTOM - TOP) * point[1]

    canvas.text(LEFT - 40, 30, title, anchor="start", kind="strong")
    for tenths in range(0, 11, 2):
        _, y = at((low, tenths / 10))
        canvas.line(LEFT, y, RIGHT, y, "grid")
        canvas.text(LEFT - 8, y + 5, f"{tenths / 10:g}", size=13, anchor="end", kind="faint")
    for mark in log_ticks(low, high) if high > low else [low]:
        x, _ = at((mark, 0))
        canvas.line(x, BOTTOM, x, BOTTOM + 5)
        canvas.text(x, BOTTOM + 22, tick_label(mark), size=13, kind="faint")
    canvas.text((LEFT + RIGHT) / 2, BOTTOM + 46, "tokens trained on", size=13, kind="faint")
    heights = label_heights([at(line.points[-1])[1] + 4 for line in lines])
    for number, (line, height) in enumerate(zip(lines, heights, strict=True)):
        color = number % len(LIGHT)
        points = [at(point) for point in line.points]
        canvas.curve(points, color, dashed=number >= len(LIGHT))
        for x, y in points:
            canvas.dot(x, y, color)
        canvas.text(max(RIGHT, points[-1][0]) + 10, height, line.label, size=14, anchor="start", kind=f"f{color}")
    return canvas.svg()
