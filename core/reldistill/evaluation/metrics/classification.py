"""Accuracy, F1 and Matthews' correlation, as scikit-learn has them, in percent."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["accuracy", "f1", "matthews"]

Labels = NDArray[Any]
"""One label a row, ``[rows]``, of any dtype that can be compared."""


def accuracy(predicted: Labels, gold: Labels) -> float | None:
    """Share of rows whose label is right; None without rows."""
    _alike(predicted, gold)
    return 100 * float(np.mean(predicted == gold)) if len(gold) else None


def f1(predicted: Labels, gold: Labels, positive: Any = 1) -> float | None:
    """Harmonic mean of precision and recall of the label ``positive``; 0 where it neither is nor is predicted."""
    _alike(predicted, gold)
    if not len(gold):
        return None
    hits = int(np.sum((predicted == positive) & (gold == positive)))
    counted = int(np.sum(predicted == positive)) + int(np.sum(gold == positive))
    return 100 * 2 * hits / counted if counted else 0.0


def matthews(predicted: Labels, gold: Labels) -> float | None:
    """Matthews' correlation for any number of labels (Gorodkin's R_K); 0 where all predictions, or all labels, are one."""
    _alike(predicted, gold)
    if not len(gold):
        return None
    labels, codes = np.unique(np.concatenate([predicted, gold]), return_inverse=True)
    ours, theirs = codes[: len(gold)], codes[len(gold) :]
    rows = len(gold)
    correct = int(np.sum(ours == theirs))
    predicted_count = np.bincount(ours, minlength=len(labels)).tolist()
    gold_count = np.bincount(theirs, minlength=len(labels)).tolist()
    # In whole numbers of Python: they pass 64 bits for a million rows.
    shared = correct * rows - sum(p * g for p, g in zip(predicted_count, gold_count, strict=True))
    spread = (rows**2 - sum(p * p for p in predicted_count)) * (rows**2 - sum(g * g for g in gold_count))
    return 100 * shared / math.sqrt(spread) if spread else 0.0


def _alike(predicted: Labels, gold: Labels) -> None:
    if predicted.shape != gold.shape or gold.ndim != 1:
        raise ValueError(f"labels of shape {predicted.shape} and {gold.shape}: both must be [rows]")
