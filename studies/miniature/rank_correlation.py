"""Spearman's rank correlation of two short lists."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import correlation

__all__ = ["rank_correlation"]


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """From -1 to 1; equals share the mean of their ranks. Raises :class:`statistics.StatisticsError` where all are equal."""
    return correlation(_ranks(one), _ranks(other))


def _ranks(values: Sequence[float]) -> list[float]:
    return [sum(other < value for other in values) + sum(other == value for other in values) / 2 for value in values]
