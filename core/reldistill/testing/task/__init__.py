"""What is asked of a task."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from reldistill.testing.check import Check, named_checks
from reldistill.testing.loading import check_contract

if TYPE_CHECKING:
    from reldistill.eval_task import EvalTask

__all__ = ["task_checks"]

CHECKS = {
    "contract": (
        partial(check_contract, "reldistill_tasks"),
        "it has a name, the defaults of a search and eight methods",
    ),
}


def task_checks(task: EvalTask, data_dir: str | Path | None = None, golden: str | Path | None = None) -> list[Check]:
    """All checks of a task."""
    return named_checks(f"task {getattr(task, 'name', task)}", task, CHECKS)
