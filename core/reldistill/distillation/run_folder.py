"""The folder that a run writes: its name, its configuration, and the link to the newest student."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reldistill.checkpoint import CheckpointFolder
from reldistill.checkpoint.durable import remove_leftovers, replace_durably
from reldistill.config import config_toml
from reldistill.errors import UsageError
from reldistill.local_path import local_path
from reldistill.report import write_report
from reldistill.run_files import CHECKPOINTS, CONFIG, LATEST, METRICS, PROVENANCE, REPORT, RUNS, STOPPED, STUDENT

if TYPE_CHECKING:
    from reldistill.distillation.plan import Plan

__all__ = ["PROVENANCE", "RUNS", "RunFolder", "check_output"]

CONFIG_HEADER = (
    "# `minictl distill --config` and this file start this run again. Paths start from the folder it ran in.\n"
)

LOCATIONS = ("teacher", "data", "validation")
"""Options that say where something lies; what lies there is in the identity by its content."""


class RunFolder:
    """``config.toml``, ``metrics.jsonl``, ``checkpoints/`` and ``student/`` of one run.

    ``recipe`` is all that changes the result or what is measured on the way, in plain values: options, plan, teacher, and
    the tokens of the corpora for training and for validation. ``identity`` is its SHA-256.
    """

    def __init__(self, path: Path, recipe: Mapping[str, Any]) -> None:
        self.path = path
        self.recipe = recipe
        self.identity = _identity(recipe)

    @classmethod
    def of(cls, plan: Plan, corpora: list[str | None]) -> RunFolder:
        """The folder that ``--output`` names, or ``runs/`` and a name of teacher, student and identity."""
        recipe = {
            "options": {n: value for n, value in plan.resolved_config.result_options().items() if n not in LOCATIONS},
            "plan": {n: value for n, value in plan.describe().items() if n not in LOCATIONS},
            "teacher": plan.teacher.fingerprint,
            "corpora": corpora,
        }
        if plan.config.output is not None:
            return cls(local_path(plan.config.output), recipe)
        name = f"{plan.teacher.label}-{plan.shape.layers}x{plan.shape.hidden_size}-{_identity(recipe)[:8]}"
        return cls(RUNS / name, recipe)

    @property
    def metrics(self) -> Path:
        """One JSON object a logged step."""
        return self.path / METRICS

    @property
    def student(self) -> Path:
        """The finished student; the folder is there when the run is done."""
        return self.path / STUDENT

    @property
    def replaced_student(self) -> Path:
        """That of the run before, while ``--overwrite`` makes another."""
        return self.path / f"{STUDENT}.replaced"

    @property
    def stopped(self) -> Path:
        """There while the run rests where it was asked to stop: torchrun takes an exit code that says so for a failure."""
        return self.path / STOPPED

    @property
    def checkpoints(self) -> CheckpointFolder:
        """What an interrupted run goes on from."""
        return CheckpointFolder(self.path / CHECKPOINTS)

    def is_finished(self) -> bool:
        """Whether the student of this very run is there.

        Raises :class:`UsageError` where the folder holds the student of another one.
        """
        if not self.student.is_dir():
            return False
        try:
            found = json.loads((self.student / PROVENANCE).read_text(encoding="utf-8"))["identity"]
        except (OSError, ValueError, KeyError, TypeError):
            found = None
        if found != self.identity:
            raise UsageError(
                f"{self.path} holds the student of a run with other options, another teacher or other text",
                hint="Give another --output, or --overwrite to replace it.",
            )
        return True

    def make_way(self) -> None:
        """For a student that takes the place of a finished one: the old one and its checkpoints go.

        The student goes aside alone, for :meth:`remove_replaced`: until the new one is there it is not lost.
        """
        if self.student.is_dir():
            self.remove_replaced()
            self.student.rename(self.replaced_student)
            self.checkpoints.prune(0)

    def note_stopped(self, step: int) -> None:
        """The run rests behind this step."""
        replace_durably(self.stopped, f"step {step}\n".encode())

    def remove_replaced(self) -> None:
        """The new student is there."""
        shutil.rmtree(self.replaced_student, ignore_errors=True)

    def write_config(self, plan: Plan) -> None:
        """Write ``config.toml``, which starts the same run again from the same current folder."""
        replace_durably(self.path / CONFIG, (CONFIG_HEADER + config_toml(plan.resolved_config)).encode())

    def complete(self) -> None:
        """What comes behind the student, of a run whose process was killed there: the link, and the report.

        Raises OSError where that cannot be, and :class:`DataError` where the rows for the report are broken.
        """
        remove_leftovers(self.path)
        newest = LATEST / self.student.name
        if not newest.is_dir() or newest.stat().st_mtime_ns < self.student.stat().st_mtime_ns:
            self.point_latest_here()
        if not (self.path / REPORT).is_file():
            write_report(self.path)

    def point_latest_here(self) -> None:
        """``runs/latest`` leads to this folder; replaced at once, so that it never leads nowhere.

        Raises OSError where that cannot be; the student is whole all the same.
        """
        RUNS.mkdir(exist_ok=True)
        link = RUNS / f"latest.tmp-{os.getpid()}"
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(self.path.resolve(), RUNS.resolve()), target_is_directory=True)
        try:
            os.replace(link, LATEST)
        except OSError:
            link.unlink()
            raise


def _identity(recipe: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()


def check_output(output: str | None) -> None:
    """Raise :class:`UsageError` for a run folder that cannot be written or is somebody else's; writes nothing."""
    path = RUNS if output is None else local_path(output)
    option = f"the folder {RUNS}/" if output is None else f"--output {output}"
    if path.absolute() == LATEST.absolute():
        raise UsageError(f"{option}: that is the link to the newest run", hint="Give the run a name of its own.")
    existing = next(p for p in (path, *path.absolute().parents) if p.exists())
    if not existing.is_dir():
        raise UsageError(f"{option}: {existing} is a file, not a folder")
    if not os.access(existing, os.W_OK):
        raise UsageError(f"{option}: {existing} cannot be written", hint="Give a folder of yours as --output.")
    if output is not None and existing == path and any(path.iterdir()) and not (path / METRICS).is_file():
        raise UsageError(f"{option}: the folder holds something else than a run", hint="Give an empty or a new folder.")
