"""One line chart as SVG with its legend, readable without a script and without a colour."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import log10
from typing import Literal

from reldistill.report.series import Column, Point, drawable, thinned
from reldistill.report.ticks import linear_ticks, log_ticks, tick_label

__all__ = ["COLORS", "Line", "figure", "short"]

Scale = Callable[[float], float]
"""From a value to a coordinate."""

WIDTH, HEIGHT = 480, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 456, 12, 226
"""Of the frame that the lines lie in; numbers stand outside of it."""

COLUMNS = (RIGHT - LEFT) // 2
BANDS = 4
"""The areas of more lines than these would hide each other, and are left out."""

MARKED = 40
"""A broken line of at most this many points has a dot at each."""

COLORS = 8
"""Colours that the page defines; the ninth line has the first one's again, with longer gaps."""

LOG_RATIO = 10
"""From this ratio of the greatest to the least value on, all of them above zero, equal ratios take equal room."""


SMALLEST = 1e-300
"""A difference that can still be divided by."""


@dataclass(frozen=True)
class Line:
    """A name, its points by step, and the number of its colour. ``broken``: drawn with gaps, and with a dot at each of few points."""

    label: str
    points: Sequence[Point]
    color: int
    broken: bool = False


def figure(identity: str, title: str, lines: Sequence[Line], *, scale: Literal["auto", "from zero"] = "auto") -> str:
    """A ``<figure>`` of ``lines`` over the step; ``identity`` tells its elements from those of other figures.

    ``auto`` is a logarithmic scale where the values ask for it, else one from the least to the greatest value.
    """
    lines = [line for line in lines if line.points]
    values = [value for line in lines for _, value in line.points if drawable(value)]
    if not values:
        return f"<figure><figcaption>{escape(title)}</figcaption><p>No value yet.</p></figure>"
    steps = [step for line in lines for step, value in line.points if drawable(value)]
    first, last = _apart(min(steps), max(steps))
    logarithmic = scale == "auto" and min(values) > SMALLEST and max(values) >= LOG_RATIO * min(values)
    low, high = _apart(min(values), max(values)) if scale == "auto" else _apart(min(0.0, *values), max(0.0, *values))
    x = _axis(first, last, LEFT, RIGHT)
    y = _axis(low, high, BOTTOM, TOP, log10 if logarithmic else float)
    marks = log_ticks(low, high) if logarithmic else linear_ticks(low, high)
    scaled = ", logarithmic" if logarithmic else ""
    parts = [(line, thinned(line.points, first, last, COLUMNS)) for line in lines]
    bands = "".join(_bands(line, columns, x, y) for line, columns in parts) if len(lines) <= BANDS else ""
    means = "".join(_means(line, columns, x, y) for line, columns in parts)
    return (
        f"<figure><figcaption>{escape(title)}{scaled}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{identity}-title {identity}-text">'
        f'<title id="{identity}-title">{escape(title)} by step{scaled}</title>'
        f'<desc id="{identity}-text">{escape(_in_words(lines))}</desc>'
        f"{_y_axis(marks, y)}{_x_axis(first, last, x)}{bands}{means}</svg>"
        f"<ul>{''.join(_legend(line) for line in lines)}</ul></figure>"
    )


def short(value: float) -> str:
    """A value in four digits, as a legend has it."""
    return tick_label(float(f"{value:.4g}"))


def _apart(low: float, high: float) -> tuple[float, float]:
    """Two bounds that differ, also where all values are equal."""
    if high - low > max(1e-12 * abs(high), SMALLEST):
        return low, high
    room = abs(low) / 20 if abs(low) > 100 * SMALLEST else 1.0
    return low - room, high + room


def _axis(low: float, high: float, start: float, end: float, scale: Scale = float) -> Scale:
    """From a value to its coordinate."""
    origin = scale(low)
    per_unit = (end - start) / (scale(high) - origin)
    return lambda value: start + (scale(value) - origin) * per_unit


def _y_axis(marks: Sequence[float], y: Scale) -> str:
    return "".join(
        f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y(mark):.1f}" y2="{y(mark):.1f}"/>'
        f'<text x="{LEFT - 6}" y="{y(mark) + 4:.1f}" text-anchor="end">{tick_label(mark)}</text>'
        for mark in marks
    )


def _x_axis(first: float, last: float, x: Scale) -> str:
    marks = [mark for mark in linear_ticks(first, last, 5) if mark.is_integer() and mark >= 0]
    return f'<line class="axis" x1="{LEFT}" x2="{RIGHT}" y1="{BOTTOM}" y2="{BOTTOM}"/>' + "".join(
        f'<line class="axis" x1="{x(mark):.1f}" x2="{x(mark):.1f}" y1="{BOTTOM}" y2="{BOTTOM + 4}"/>'
        f'<text x="{x(mark):.1f}" y="{BOTTOM + 20}" text-anchor="middle">{tick_label(mark)}</text>'
        for mark in marks
    )


def _bands(line: Line, parts: Sequence[Sequence[Column]], x: Scale, y: Scale) -> str:
    """The areas from the least to the greatest values of columns that hold several."""
    drawn = []
    for part in parts:
        if any(column.least < column.greatest for column in part):
            upper = [f"{x(column.step):.0f},{y(column.greatest):.0f}" for column in part]
            lower = [f"{x(column.step):.0f},{y(column.least):.0f}" for column in reversed(part)]
            drawn.append(f'<polygon class="band c{line.color % COLORS}" points="{" ".join(upper + lower)}"/>')
    return "".join(drawn)


def _means(line: Line, parts: Sequence[Sequence[Column]], x: Scale, y: Scale) -> str:
    """The line itself; of a single column a dot."""
    style = _style(line)
    dots = line.broken and len(line.points) <= MARKED
    drawn = []
    for part in parts:
        places = [(f"{x(column.step):.1f}", f"{y(column.mean):.1f}") for column in part]
        if len(places) > 1:
            drawn.append(f'<polyline class="{style}" points="{" ".join(map(",".join, places))}"/>')
        if dots or len(places) == 1:
            drawn += [f'<circle class="dot {style}" cx="{cx}" cy="{cy}" r="2.5"/>' for cx, cy in places]
    return "".join(drawn)


def _legend(line: Line) -> str:
    missing = sum(not drawable(value) for _, value in line.points)
    said = f"{line.label}: {short(line.points[-1][1])}" + (f" ({missing:,} not finite)" if missing else "")
    return (
        '<li><svg class="key" viewBox="0 0 28 8" aria-hidden="true">'
        f'<line class="{_style(line)}" x1="0" x2="28" y1="4" y2="4"/></svg>{escape(said)}</li>'
    )


def _style(line: Line) -> str:
    color = f"line c{line.color % COLORS}"
    return color + (" broken" if line.broken else " again" if line.color >= COLORS else "")


def _in_words(lines: Sequence[Line]) -> str:
    """What a chart shows, for those who do not see it."""
    return "; ".join(
        f"{line.label}: {short(line.points[0][1])} at step {line.points[0][0]:,.0f}, "
        f"{short(line.points[-1][1])} at step {line.points[-1][0]:,.0f}"
        for line in lines
    )
