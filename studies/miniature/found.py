"""What the cells answered, as the tables ask for it. What was not run is None."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from studies.miniature.curves import Validation, validations
from studies.miniature.result_file import Results

__all__ = ["METRICS", "Found", "Spread"]

METRICS = {"stsb": "spearman", "mrpc": "accuracy", "cola": "matthews"}
SEEDS = range(10)


@dataclass(frozen=True)
class Spread:
    """Values of several seeds."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Of all."""
        return fmean(self.values)

    def of(self, whole: float) -> Spread:
        """Shares of it."""
        return Spread(tuple(value / whole for value in self.values))

    def written(self, digits: int) -> str:
        """``44.6``, or ``44.6 ± 0.8`` with half the range of the seeds."""
        if len(self.values) == 1:
            return f"{self.mean:.{digits}f}"
        return f"{self.mean:.{digits}f} ± {(max(self.values) - min(self.values)) / 2:.{digits}f}"


@dataclass(frozen=True)
class Found:
    """Asks the folder of results. ``model`` is a student without its seed: ``distilled``."""

    results: Results

    def score(self, task: str, model: str) -> Spread | None:
        """What the student of seed 0 scores on dev, over its fine-tunings."""
        return _spread(self._scores(task, model))

    def _scores(self, task: str, model: str) -> dict[int, float]:
        """By the seed of the fine-tuning, as the plan sets them."""
        scores: dict[int, float] = {}
        for more, first in (("", 0), ("-again", 1)):
            if file := self.results.of(f"{task}-{model}{more}-s0"):
                scores |= dict(enumerate(_values(task, file["answer"]), first))
        return scores

    def mean_score(self, model: str, tasks: Iterable[str]) -> Spread | None:
        """The mean of the tasks, over the fine-tunings that all of them have."""
        of_tasks = [self._scores(task, model) for task in tasks]
        whole = [seed for seed in of_tasks[0] if all(seed in scores for scores in of_tasks)]
        return _spread({seed: fmean(scores[seed] for scores in of_tasks) for seed in whole})

    def tokens(self, model: str) -> float | None:
        """That a student was trained on."""
        spread = _spread(self._by_seed(f"student-{model}", lambda answer: answer.get("last_step", {}).get("tokens", 0)))
        return None if spread is None else spread.mean

    def layer(self, model: str) -> int | None:
        """The teacher's layer that the student of seed 0 was taught by."""
        found = self.results.of(f"student-{model}-s0")
        return None if found is None else int(found["answer"]["plan"]["layers"][0][0])

    def is_there(self, model: str) -> bool:
        """Whether anything is known of it: how it was trained, or what it scores on some task."""
        return self.tokens(model) is not None or any(self._scores(task, model) for task in METRICS)

    def curve(self, model: str, seed: int = 0) -> list[Validation]:
        """What was measured on held-out text while it was trained."""
        found = self.results.of(f"student-{model}-s{seed}")
        return validations(found["curve"]) if found and "curve" in found else []

    def ends(self, model: str) -> tuple[Spread, Spread, Spread] | None:
        """The loss it was trained for, on held-out text: at its start, at its end, and the second as a share of the first."""
        curves = [curve for curve in (self.curve(model, seed) for seed in SEEDS) if len(curve) > 1]
        if not curves:
            return None
        starts, ends = (tuple(curve[place].losses["loss"] for curve in curves) for place in (0, -1))
        return Spread(starts), Spread(ends), Spread(tuple(end / start for start, end in zip(starts, ends, strict=True)))

    def yardstick(self, size: str, model: str, key: str) -> Spread | None:
        """What ``minictl measure`` says of it: ``loss``, ``share`` or a relation."""

        def read(answer: Any) -> float | None:
            (row,) = [row for row in measured(answer) if _model_of(row["model"]) == model] or [{}]
            found: float | None = row.get(key, row.get(f"loss/{key}"))
            return found

        return _spread(self._by_seed(f"yardstick-{size}", read))

    def own_measure(self, model: str) -> Spread | None:
        """The last loss on held-out text that its run measured itself, where that is the loss of the yardstick."""
        values: dict[int, float] = {}
        for seed in SEEDS:
            found = self.results.of(f"student-{model}-s{seed}")
            if (
                found is not None
                and _is_yardstick(found["answer"].get("plan", {}))
                and (curve := self.curve(model, seed))
            ):
                values[seed] = curve[-1].losses["loss"]
        return _spread(values)

    def _by_seed(self, name: str, read: Callable[[Any], float | None]) -> dict[int, float]:
        values: dict[int, float] = {}
        for seed in SEEDS:
            found = self.results.of(f"{name}-s{seed}")
            if found is not None and (value := read(found["answer"])) is not None:
                values[seed] = value
        return values


def _spread(by_seed: Mapping[int, float]) -> Spread | None:
    return Spread(tuple(by_seed.values())) if by_seed else None


def _is_yardstick(plan: Mapping[str, Any]) -> bool:
    """Whether a run of this plan was trained for, and so measured, what all students are compared by."""
    return plan.get("relations") == {"qq": 1.0, "kk": 1.0, "vv": 1.0} and plan.get("relation_heads") == 48


def measured(answer: Any) -> list[dict[str, Any]]:
    """The rows of ``minictl measure --json``."""
    rows: list[dict[str, Any]] = answer["losses"]
    return rows


def _values(task: str, answer: Any) -> list[float]:
    (result,) = answer["results"]
    return [float(value) for value in result["scores"]["dev"][METRICS[task]]["values"]]


def _model_of(folder: str) -> str:
    """``runs/distilled-s0/student`` -> ``distilled``."""
    return folder.split("/")[1].rpartition("-s")[0]
