"""What a run measured on held-out text on its way, by the tokens that it had trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Validation", "validations"]

PREFIX = "validation/"


@dataclass(frozen=True)
class Validation:
    """``losses``: ``loss``, and ``loss/qq`` and so on; ``tokens`` that were trained on before."""

    step: int
    tokens: float
    losses: Mapping[str, float]


def validations(curve: Sequence[Mapping[str, Any]]) -> list[Validation]:
    """Of the rows of a metrics.jsonl, one for each step that was measured behind.

    A row of a validation says its step alone; its tokens are those of the training row of that step, or lie between two of
    them as its step does.
    """
    training = [(0, 0.0), *((int(row["step"]), float(row["tokens"])) for row in curve if "tokens" in row)]
    found: dict[int, Validation] = {}
    for row in curve:
        if PREFIX + "loss" not in row:
            continue
        step = int(row["step"])
        losses = {name.removeprefix(PREFIX): float(value) for name, value in row.items() if name.startswith(PREFIX)}
        found[step] = Validation(step, _tokens(step, training), losses)
    return [found[step] for step in sorted(found)]


def _tokens(step: int, training: Sequence[tuple[int, float]]) -> float:
    before = max((point for point in training if point[0] <= step), default=(0, 0.0))
    after = min((point for point in training if point[0] >= step), default=before)
    if after[0] == before[0]:
        return before[1]
    return before[1] + (after[1] - before[1]) * (step - before[0]) / (after[0] - before[0])
