"""Pearson's and Spearman's correlation, as SciPy has them, in percent; None where one side is constant."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["pearson", "spearman"]

Values = NDArray[Any]
"""One number a row, ``[rows]``."""


def pearson(predicted: Values, gold: Values) -> float | None:
    """Linear correlation. None for fewer than two rows, a constant, or a number that is not finite."""
    ours, theirs = np.asarray(predicted, np.float64), np.asarray(gold, np.float64)
    if ours.shape != theirs.shape or theirs.ndim != 1:
        raise ValueError(f"values of shape {ours.shape} and {theirs.shape}: both must be [rows]")
    if len(theirs) < 2 or not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        return None
    if (ours == ours[0]).all() or (theirs == theirs[0]).all():
        return None
    ours, theirs = ours - ours.mean(), theirs - theirs.mean()
    unit = ours / np.linalg.norm(ours), theirs / np.linalg.norm(theirs)
    return 100 * float(np.clip(unit[0] @ unit[1], -1, 1))


def spearman(predicted: Values, gold: Values) -> float | None:
    """Correlation of the ranks; equal values share their mean rank."""
    values = [np.asarray(side, np.float64) for side in (predicted, gold)]
    if not all(np.isfinite(side).all() for side in values):
        return None
    return pearson(_ranks(values[0]), _ranks(values[1]))


def _ranks(values: Values) -> Values:
    _, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    behind = np.cumsum(counts)
    return ((behind - counts + 1 + behind) / 2)[codes]
