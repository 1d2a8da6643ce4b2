"""Where an axis has its marks, and how their numbers are written."""

from __future__ import annotations

from math import ceil, floor, isfinite, log10

__all__ = ["linear_ticks", "log_ticks", "tick_label"]

UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def linear_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """At most ``most`` multiples of 1, 2 or 5 times a power of ten, from ``low`` to ``high``; ``low < high``."""
    power = floor(log10((high - low) / most))
    for step in (factor * 10.0**exponent for exponent in (power, power + 1) for factor in (1, 2, 5)):
        first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
        if last - first < most:
            break
    # Rounded, for 3 × 0.1 is not 0.3.
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)]


def log_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Powers of ten from ``low`` to ``high``, with their double and fivefold where there is room; ``0 < low < high``."""
    exponents = range(floor(log10(low)), ceil(log10(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        ticks = [float(f"{factor}e{exponent}") for exponent in exponents for factor in factors]
        ticks = [tick for tick in ticks if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
        if 2 <= len(ticks) <= most:
            return ticks
    if len(ticks) < 2:
        return linear_ticks(low, high, most)
    return ticks[:: ceil(len(ticks) / most)]


def tick_label(value: float) -> str:
    """``0``, ``0.05``, ``6e-5``, ``250``, ``50k``, ``1.2M``, ``3e20``: at most 12 digits of the value."""
    if not isfinite(value):
        return str(value)
    if value == 0:
        return "0"
    if 1e-4 <= abs(value) < 1e4:
        return f"{float(f'{value:.9g}'):.12f}".rstrip("0").rstrip(".")
    if 1e4 <= abs(value) < 1e15:
        size, unit = next((size, unit) for size, unit in UNITS if abs(value) >= size)
        return f"{value / size:.9g}{unit}"
    mantissa, exponent = f"{value:.9e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
