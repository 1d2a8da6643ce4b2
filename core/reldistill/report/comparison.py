"""Runs side by side: the options that differ, and the losses at steps that all of them have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reldistill.errors import UsageError
from reldistill.report.rows import Row
from reldistill.report.run_summary import Run, finite

__all__ = ["Comparison", "compare_runs"]

LOSS_OPTIONS = ("teacher", "relations", "relation_heads", "layers")
"""Options that say what the loss is."""


@dataclass(frozen=True)
class Comparison:
    """Two or more runs. ``names`` are their own; ``differing`` has a value for each run, None for an option it lacks."""

    runs: tuple[Run, ...]
    names: tuple[str, ...]
    differing: Mapping[str, tuple[Any, ...]]
    common_step: int | None
    """The last step at which all have a row of training."""
    common_validation: int | None
    """The last step at which all have one of a validation."""

    @property
    def at_common_step(self) -> tuple[Row, ...]:
        """The rows of the last common step; empty rows where there is none."""
        return tuple(_at(run.trained, self.common_step) for run in self.runs)

    @property
    def at_common_validation(self) -> tuple[Row, ...]:
        """The rows of the last common validation; empty rows where there is none."""
        return tuple(_at(run.validated, self.common_validation) for run in self.runs)

    @property
    def notes(self) -> list[str]:
        """What stands against holding the losses side by side."""
        notes = []
        if named := [name for name in LOSS_OPTIONS if name in self.differing]:
            verb = "differs" if len(named) == 1 else "differ"
            notes.append(f"{_and(named)} {verb}: the losses are of different things, their values cannot be compared")
        if "validation" in self.differing:
            notes.append("validation differs: the held-out losses are of different texts")
        return notes

    def describe(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "runs": {name: run.describe() for name, run in zip(self.names, self.runs, strict=True)},
            "differing": {option: self._by_name(values) for option, values in self.differing.items()},
            "common_step": self.common_step,
            "at_common_step": self._by_name([finite(row) for row in self.at_common_step]),
            "common_validation_step": self.common_validation,
            "at_common_validation": self._by_name([finite(row) for row in self.at_common_validation]),
            "notes": self.notes,
        }

    def _by_name(self, values: Sequence[Any]) -> dict[str, Any]:
        return dict(zip(self.names, values, strict=True))


def compare_runs(runs: Sequence[Run]) -> Comparison:
    """Hold runs against each other.

    Raises :class:`UsageError` for fewer than two, or for one that is given twice.
    """
    if len(runs) < 2:
        raise UsageError("a comparison needs two runs or more", hint="`minictl runs list` shows those there are.")
    folders = [run.folder.resolve() for run in runs]
    for run, folder in zip(runs, folders, strict=True):
        if folders.count(folder) > 1:
            raise UsageError(f"the run {run.name} is given twice")
    names = [run.name for run in runs]
    options = dict.fromkeys(option for run in runs for option in run.config)
    return Comparison(
        runs=tuple(runs),
        names=tuple(name if names.count(name) == 1 else str(run.folder) for name, run in zip(names, runs, strict=True)),
        differing={
            option: tuple(run.config.get(option) for run in runs)
            for option in options
            if any(run.config.get(option) != runs[0].config.get(option) for run in runs)
        },
        common_step=_last_common([run.trained for run in runs]),
        common_validation=_last_common([run.validated for run in runs]),
    )


def _last_common(series: Sequence[Sequence[Row]]) -> int | None:
    common = set.intersection(*({int(row["step"]) for row in rows} for rows in series))
    return max(common, default=None)


def _at(rows: Sequence[Row], step: int | None) -> Row:
    return next((row for row in reversed(rows) if row["step"] == step), {})


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
