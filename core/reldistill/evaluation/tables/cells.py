"""Cells: percents with one digit, as in the paper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reldistill.evaluation.result_file import Score
from reldistill.evaluation.speed_file import Speedup
from reldistill.evaluation.tables.layout import Layout
from reldistill.evaluation.tables.table import DASH, Cell

__all__ = ["average_cell", "name_cell", "parameters_cell", "score_cell", "score_value", "scores_cell", "speedup_cell"]


def name_cell(name: str | None) -> Cell:
    """A name, or that there is none."""
    return Cell.missing() if name is None else Cell(name, name)


def parameters_cell(parameters: int) -> Cell:
    """In millions."""
    return Cell(f"{parameters / 1e6:.1f}M", parameters)


def speedup_cell(speedup: Speedup | None, spread: bool) -> Cell:
    """How many times faster than the 12x768 model."""
    if speedup is None:
        return Cell.missing()
    text = f"{speedup.median:.1f}" + (f" ({speedup.low:.1f}{DASH}{speedup.high:.1f})" if spread else "")
    return Cell(text, {"value": speedup.median, "low": speedup.low, "high": speedup.high})


def score_value(score: Score | None, layout: Layout) -> float | None:
    """The statistic that is shown."""
    return None if score is None else score.statistic(layout.statistic)


def score_cell(score: Score | None, layout: Layout) -> Cell:
    """One metric."""
    text = _text(score, layout)
    return Cell.missing() if text is None else Cell(text, _value(score, layout))


def scores_cell(scores: Sequence[tuple[str, Score | None]], layout: Layout) -> Cell:
    """Several metrics with a stroke between; missing where one of them is."""
    texts = [_text(score, layout) for _, score in scores]
    if any(text is None for text in texts):
        return Cell.missing()
    return Cell(" / ".join(map(str, texts)), {metric: _value(score, layout) for metric, score in scores})


def average_cell(columns: Sequence[Sequence[float | None]], names: Sequence[str] = ("value",)) -> Cell:
    """Means over the columns, one for each metric; missing where any value is."""
    means = []
    for values in columns:
        there = [value for value in values if value is not None]
        if not there or len(there) < len(values):
            return Cell.missing()
        means.append(sum(there) / len(there))
    return Cell(" / ".join(f"{mean:.1f}" for mean in means), dict(zip(names, means, strict=True)))


def _text(score: Score | None, layout: Layout) -> str | None:
    value = score_value(score, layout)
    if score is None or value is None:
        return None
    if layout.spread and score.low is not None and score.high is not None:
        return f"{value:.1f} ({score.low:.1f}{DASH}{score.high:.1f})"
    return f"{value:.1f}"


def _value(score: Score | None, layout: Layout) -> dict[str, Any] | None:
    if score is None:
        return None
    return {"value": score_value(score, layout), "low": score.low, "high": score.high}
