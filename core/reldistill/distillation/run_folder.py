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

if TYPE_CHECKING:
    from reldistill.distillation.plan import Plan

__all__ = ["RUNS", "RunFolder"]

RUNS = Path("runs")
"""Where runs lie unless ``--output`` says otherwise, below the current folder."""


class RunFolder:
    """``config.toml``, ``metrics.jsonl`` and ``student/`` of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, plan: Plan) -> RunFolder:
        """The folder that ``--output`` names, or ``runs/`` and a name from all that changes the result: teacher,
        student, and a hash of options, weights of the teacher and data.
        """
        if plan.config.output is not None:
            return cls(local_path(plan.config.output))
        recipe = {"options": plan.config.result_options(), "plan": plan.describe(), "teacher": plan.teacher.fingerprint}
        digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:8]
        return cls(RUNS / f"{plan.teacher.label}-{plan.shape.layers}x{plan.shape.hidden_size}-{digest}")

    @property
    def metrics(self) -> Path:
        """One JSON object a logged step."""
        return self.path / "metrics.jsonl"

    @property
    def student(self) -> Path:
        """The finished student; the folder is there when the run is done."""
        return self.path / "student"

    def create(self, plan: Plan) -> None:
        """Make the folder and write ``config.toml``; :class:`UsageError` where something else is in the way."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise UsageError(f"the run folder {self.path} cannot be made: a file is in the way") from error
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
        """``runs/latest`` leads to this folder; replaced at once, so that it never leads nowhere."""
        RUNS.mkdir(exist_ok=True)
        link = RUNS / f"latest.tmp-{os.getpid()}"
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(self.path.resolve(), RUNS.resolve()), target_is_directory=True)
        os.replace(link, RUNS / "latest")
