"""How results are shown, whatever the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reldistill.evaluation.speed_file import Speedup

__all__ = ["STATISTICS", "Layout"]

STATISTICS = ("median", "mean")


@dataclass(frozen=True)
class Layout:
    """``speedups`` by a model's SHA-256, None where nobody asked for them; ``unmeasured`` says why one is not there."""

    statistic: str = "median"
    spread: bool = False
    paper: bool = False
    speedups: Mapping[str, Speedup] | None = None
    unmeasured: Mapping[str, str] = field(default_factory=dict)
