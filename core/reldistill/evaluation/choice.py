"""Choosing learning rate and epochs, and what the seeds of the choice scored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, median
from typing import Any

from reldistill.evaluation.cells import CellResult

__all__ = ["choose", "statistics_of"]

WORST = float("-inf")


def choose(results: Sequence[CellResult]) -> list[CellResult]:
    """The results, one a seed, of the learning rate and number of epochs with the highest median on the rows that choose.

    Of equals the smaller learning rate, then fewer epochs. A run without a score counts as the worst.
    """
    groups: dict[tuple[float, int], list[CellResult]] = defaultdict(list)
    for result in results:
        groups[result.cell.learning_rate, result.cell.epochs].append(result)

    def rank(setting: tuple[float, int]) -> tuple[float, float, int]:
        found = [WORST if r.selection is None else r.selection for r in groups[setting]]
        return -median(found), *setting

    best = min(groups, key=rank)
    return sorted(groups[best], key=lambda result: result.cell.seed)


def statistics_of(chosen: Sequence[CellResult], *, mean_of_all: bool) -> dict[str, dict[str, dict[str, Any]]]:
    """Evaluation -> metric -> median, mean, low, high, and the values by seed; None where no seed has one.

    ``mean_of_all``: also the mean over the evaluations of each metric, of each seed, under the name ``mean``.
    """
    names = {name: tuple(scores) for result in chosen for name, scores in result.scores.items()}
    if not names:
        return {}
    by_seed: list[dict[str, dict[str, float | None]]] = [
        {name: {m: result.scores.get(name, {}).get(m) for m in metrics} for name, metrics in names.items()}
        for result in chosen
    ]
    if mean_of_all:
        for scores in by_seed:
            scores["mean"] = _mean(scores)
    return {
        name: {metric: _statistics(scores[name][metric] for scores in by_seed) for metric in by_seed[0][name]}
        for name in by_seed[0]
    }


def _mean(scores: Mapping[str, Mapping[str, float | None]]) -> dict[str, float | None]:
    means: dict[str, float | None] = {}
    for metric in next(iter(scores.values())):
        values = [of[metric] for of in scores.values()]
        there = [value for value in values if value is not None]
        means[metric] = fmean(there) if len(there) == len(values) else None
    return means


def _statistics(values: Iterable[float | None]) -> dict[str, Any]:
    by_seed = list(values)
    there = [value for value in by_seed if value is not None]
    if len(there) < len(by_seed):
        return {"median": None, "mean": None, "low": None, "high": None, "values": by_seed}
    return {"median": median(there), "mean": fmean(there), "low": min(there), "high": max(there), "values": by_seed}
