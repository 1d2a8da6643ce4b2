"""The folder that a run writes: its name, its configuration, and the link to the newest student."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import tomli_w

from reldistill.errors import UsageError
from reldistill.local_path import local_path
from reldistill.run_files import LATEST, PROVENANCE, RUNS

if TYPE_CHECKING:
    from reldistill.distillation.plan import Plan

__all__ = ["PROVENANCE", "RUNS", "RunFolder", "check_output"]

LOCATIONS = ("teacher", "data", "validation")
"""Options that say where something lies; what lies there is in the identity by its content."""


class RunFolder:
    """``config.toml``, ``metrics.jsonl`` and ``student/`` of one run.

    ``identity`` is a SHA-256 over all that changes the result or what is measured on the way: options, teacher, and
    the tokens of the corpora for training and for validation.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self.path = path
        self.identity = identity

    @classmethod
    def of(cls, plan: Plan, corpora: list[str | None]) -> RunFolder:
        """The folder that ``--output`` names, or ``runs/`` and a name of teacher, student and identity."""
        recipe = {
            "options": {n: value for n, value in plan.config.result_options().items() if n not in LOCATIONS},
            "plan": {n: value for n, value in plan.describe().items() if n not in LOCATIONS},
            "teacher": plan.teacher.fingerprint,
            "corpora": corpora,
        }
        identity = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()
        if plan.config.output is not None:
            return cls(local_path(plan.config.output), identity)
        return cls(RUNS / f"{plan.teacher.label}-{plan.shape.layers}x{plan.shape.hidden_size}-{identity[:8]}", identity)

    @property
    def metrics(self) -> Path:
        """One JSON object a logged step."""
        return self.path / "metrics.jsonl"

    @property
    def student(self) -> Path:
        """The finished student; the folder is there when the run is done."""
        return self.path / "student"

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

    def create(self, plan: Plan) -> None:
        """Make the folder and write ``config.toml``."""
        self.path.mkdir(parents=True, exist_ok=True)
        values = {
            name: value
            for name, value in asdict(plan.config).items()
            if value is not None and name not in ("output", "overwrite")
        }
        resolved = {
            "steps": plan.steps,
            "warmup": plan.warmup,
            "relation_heads": plan.relation_heads,
            "adam_beta2": plan.adam_beta2,
        }
        (self.path / "config.toml").write_text(tomli_w.dumps(values | resolved), encoding="utf-8")

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
    if output is not None and existing == path and any(path.iterdir()) and not (path / "metrics.jsonl").is_file():
        raise UsageError(f"{option}: the folder holds something else than a run", hint="Give an empty or a new folder.")
