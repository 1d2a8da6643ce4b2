"""What the curves of rows are drawn from."""

from __future__ import annotations

from collections.abc import Sequence

from reldistill.report.rows import Row
from reldistill.report.series import Point

__all__ = ["LEARNING_RATE", "NORM", "READING", "SPEED", "points", "relations_of"]

READING = (
    "A broken line is held-out text. Of more rows than a chart has room for, the line is their mean; "
    "the area behind it, where there are few lines, goes from the least to the greatest."
)

LEARNING_RATE, SPEED, NORM = "learning_rate", "tokens_per_second", "grad_norm"


def relations_of(*series: Sequence[Row]) -> list[str]:
    """Names of relations in the order in which they appear, each once."""
    keys = dict.fromkeys(key for rows in series for row in rows for key in row)
    names = (key.removeprefix("validation/") for key in keys)
    return list(dict.fromkeys(name.removeprefix("loss/") for name in names if name.startswith("loss/")))


def points(rows: Sequence[Row], name: str) -> list[Point]:
    """Step and value of each row that has ``name``."""
    return [(row["step"], row[name]) for row in rows if name in row]
