"""Times and counts as a person reads them."""

from __future__ import annotations

__all__ = ["count", "duration"]


def duration(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3.5 h``, ``12 days``."""
    for limit, size, unit in ((90, 1, "s"), (5400, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            value = seconds / size
            return f"{value:.1f} {unit}" if value < 10 and size > 1 else f"{value:.0f} {unit}"
    return f"{seconds / 86_400:,.0f} days"


def count(number: float) -> str:
    """``950``, ``12.3 k``, ``4.5 M``, ``52 G``."""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.0f}"
