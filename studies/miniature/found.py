"""What the cells answered, as the tables ask for it. What was not run is None."""

from __future__ import annotations

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
        """What it scores on dev, over seeds."""
        return self._over_seeds(f"{task}-{model}", lambda answer: [_score(task, answer)])

    def mean_score(self, model: str) -> Spread | None:
        """The mean of all tasks, over the seeds that have all."""
        scores = [self.score(task, model) for task in METRICS]
        whole = [spread.values for spread in scores if spread is not None]
        if len(whole) < len(METRICS) or len({len(values) for values in whole}) > 1:
            return None
        return Spread(tuple(fmean(values) for values in zip(*whole, strict=True)))

    def tokens(self, model: str) -> float | None:
        """That a student was trained on."""
        spread = self._over_seeds(f"student-{model}", lambda answer: [answer.get("last_step", {}).get("tokens", 0)])
        return None if spread is None else spread.mean

    def curve(self, model: str, seed: int = 0) -> list[Validation]:
        """What was measured on held-out text while it was trained."""
        found = self.results.of(f"student-{model}-s{seed}")
        return validations(found["curve"]) if found and "curve" in found else []

    def kept(self, model: str) -> Spread | None:
        """The loss it was trained for, on held-out text, as a share of that at its start."""
        shares = []
        for seed in SEEDS:
            curve = self.curve(model, seed)
            if len(curve) > 1:
                shares.append(curve[-1].losses["loss"] / curve[0].losses["loss"])
        return Spread(tuple(shares)) if shares else None

    def yardstick(self, size: str, model: str, key: str) -> Spread | None:
        """What ``minictl measure`` says of it: ``loss``, ``share`` or a relation."""

        def read(answer: Any) -> list[float]:
            rows = [row for row in measured(answer) if _model_of(row["model"]) == model]
            return [row[key] if key in row else row[f"loss/{key}"] for row in rows]

        return self._over_seeds(f"yardstick-{size}", read)

    def _over_seeds(self, name: str, read: Any) -> Spread | None:
        values: list[float] = []
        for seed in SEEDS:
            found = self.results.of(f"{name}-s{seed}")
            if found is not None:
                values += read(found["answer"])
        return Spread(tuple(values)) if values else None


def measured(answer: Any) -> list[dict[str, Any]]:
    """The rows of ``minictl measure --json``."""
    rows: list[dict[str, Any]] = answer["losses"]
    return rows


def _score(task: str, answer: Any) -> float:
    (result,) = answer["results"]
    (value,) = result["scores"]["dev"][METRICS[task]]["values"]
    return float(value)


def _model_of(folder: str) -> str:
    """``runs/distilled-s0/student`` -> ``distilled``."""
    return folder.split("/")[1].rpartition("-s")[0]
