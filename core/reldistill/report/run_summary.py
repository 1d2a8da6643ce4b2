"""A run as its folder tells it: configuration, rows, student, checkpoints."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Any

from reldistill.checkpoint import CheckpointFolder, step_of
from reldistill.errors import DataError
from reldistill.report.rows import Row, read_rows, trained_rows, validated_rows
from reldistill.run_files import CHECKPOINTS, CONFIG, METRICS, PROVENANCE, STUDENT

__all__ = ["Run", "Student", "finite", "is_run", "last_change", "read_run"]


@dataclass(frozen=True)
class Student:
    """The student that came out of a run; ``plan`` is empty where its distillation.json cannot be read."""

    folder: Path
    plan: Mapping[str, Any]
    bytes: int


@dataclass(frozen=True)
class Run:
    """A run folder that could be read. ``checkpoint`` is the step of the newest one, None where there is none."""

    folder: Path
    config: Mapping[str, Any]
    rows: list[Row] = field(repr=False)
    student: Student | None
    checkpoint: int | None
    changed: datetime

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name or self.folder.resolve().name

    @property
    def steps(self) -> int:
        """Steps that the run is to have."""
        steps: int = self.config["steps"]
        return steps

    @property
    def step(self) -> int:
        """The last step that has a row."""
        return int(self.rows[-1]["step"]) if self.rows else 0

    @cached_property
    def trained(self) -> list[Row]:
        """Rows that training wrote."""
        return trained_rows(self.rows)

    @cached_property
    def validated(self) -> list[Row]:
        """Rows that validations wrote."""
        return validated_rows(self.rows)

    @property
    def last(self) -> Row:
        """The last row of training; empty where there is none."""
        return self.trained[-1] if self.trained else {}

    @property
    def validation(self) -> Row:
        """The last row of a validation; empty where there is none."""
        return self.validated[-1] if self.validated else {}

    @property
    def teacher(self) -> str:
        """What the configuration calls the teacher; of a local path its last part."""
        teacher = str(self.config.get("teacher", ""))
        return Path(teacher).name if teacher.startswith(("/", ".", "~")) else teacher

    @property
    def finished(self) -> bool:
        """Whether the student is there, and is not one that ``--overwrite`` is about to replace."""
        return self.student is not None and (not self.rows or self.step >= self.steps)

    @property
    def state(self) -> str:
        """``finished``, ``not finished, resumable from step 1,000``, or ``not finished``."""
        if self.finished:
            return "finished"
        return "not finished" + (f", resumable from step {self.checkpoint:,}" if self.checkpoint is not None else "")

    @property
    def standing(self) -> str:
        """``finished: step 30 of 30``."""
        return f"{self.state}: step {self.step:,} of {self.steps:,}"

    def describe(self) -> dict[str, Any]:
        """Plain values, for JSON; null for a value that is not finite."""
        return {
            "run": str(self.folder),
            "name": self.name,
            "teacher": self.config.get("teacher"),
            "student_shape": self.config.get("student"),
            "relations": self.config.get("relations"),
            "step": self.step,
            "steps": self.steps,
            "finished": self.finished,
            "resumable_from": None if self.finished else self.checkpoint,
            "student": str(self.student.folder) if self.student else None,
            "changed": self.changed.isoformat(timespec="seconds"),
            "last_step": finite(self.last),
            "validation": finite(self.validation),
        }


def is_run(folder: Path) -> bool:
    """Whether a folder holds something that a run writes."""
    return any((folder / name).exists() for name in (CONFIG, METRICS, CHECKPOINTS, STUDENT))


def read_run(folder: Path) -> Run:
    """Read a run folder, of a run that goes on too.

    Raises:
        DataError: ``config.toml`` is missing or broken, or a line of ``metrics.jsonl`` is broken.
        OSError: a file cannot be read.
    """
    config = _config(folder / CONFIG)
    metrics = folder / METRICS
    return Run(
        folder=folder,
        config=config,
        rows=read_rows(metrics) if metrics.exists() else [],
        student=_student(folder / STUDENT),
        checkpoint=_newest_checkpoint(folder / CHECKPOINTS),
        changed=last_change(folder),
    )


def last_change(folder: Path) -> datetime:
    """When the run last wrote a row; where it has none, when its folder changed."""
    metrics = folder / METRICS
    return datetime.fromtimestamp((metrics if metrics.exists() else folder).stat().st_mtime, UTC)


def finite(row: Row) -> dict[str, float | None]:
    """A row as JSON can have it."""
    return {name: value if isfinite(value) else None for name, value in row.items()}


def _config(path: Path) -> Mapping[str, Any]:
    try:
        config = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path} is not there", hint="Each run writes one; is this the folder of a run?") from error
    except ValueError as error:  # TOML or UTF-8
        raise DataError(f"{path} cannot be read: {error}", hint="Take it from a copy of the run.") from error
    steps = config.get("steps")
    if isinstance(steps, bool) or not isinstance(steps, int):
        raise DataError(f"{path} does not say steps, a whole number", hint="Take it from a copy of the run.")
    return config


def _student(folder: Path) -> Student | None:
    if not folder.is_dir():
        return None
    try:
        plan = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))["plan"]
    except (OSError, ValueError, KeyError, TypeError):
        plan = {}  # a student that somebody put there by hand is one, too
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    return Student(folder, plan if isinstance(plan, dict) else {}, size)


def _newest_checkpoint(folder: Path) -> int | None:
    """The step of the newest one that bears its final name; None where there is none."""
    found = CheckpointFolder(folder).all()
    return step_of(found[0]) if found else None
