"""What is asked of a task."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from reldistill.testing.check import Check, Checks, named_checks
from reldistill.testing.loading import check_contract
from reldistill.testing.task import defaults, encoding, golden_scores, predictions, rows, run, scores
from reldistill.testing.task.rows import Given

if TYPE_CHECKING:
    from reldistill.eval_task import EvalTask

__all__ = ["task_checks"]

CHECKS: Checks[Given] = {
    "defaults": (defaults.check_defaults, "the search that it begins with can be run"),
    "evaluations": (
        defaults.check_evaluations,
        "what it is chosen by and scored on has names of its own and its languages",
    ),
    "missing rows": (rows.check_missing, "a folder without its files is answered by what is missing"),
    "rows": (rows.check_rows, "each split that it names is read, the same each time, and what was read is noted"),
    "encoding": (encoding.check_encoding, "features have at most max_length tokens, and a target each"),
    "scores": (scores.check_scores, "scores are numbers or None, the main metric among them"),
    "order": (scores.check_order, "the main metric of right outputs is above that of wrong ones"),
    "golden scores": (golden_scores.check_golden, "scores are those of its golden file"),
    "predictions": (predictions.check_predictions, "what is predicted is written as text, a name a file"),
    "end to end": (run.check_run, "one epoch of fine-tuning a tiny BERT is scored, and not done twice"),
}


def task_checks(task: EvalTask, data_dir: str | Path | None = None, golden: str | Path | None = None) -> list[Check]:
    """All checks of a task. Without ``data_dir`` and ``golden`` those that need them are not applicable.

    ``data_dir``: a folder in the layout that the task reads, a few rows a split. ``golden``: a JSON file with a list of
    ``{"rows": {column: [...]}, "outputs": [[...], ...], "language": "en", "scores": {metric: value}}``, the scores by hand
    or by the official script; ``outputs`` are the logits of each feature.
    """
    subject = f"task {getattr(task, 'name', task)}"
    given = Given(task, Path(data_dir) if data_dir is not None else None, Path(golden) if golden is not None else None)
    contract = partial(check_contract, "reldistill_tasks")
    about = "it has a name, the defaults of a search and eight methods"
    return [*named_checks(subject, task, {"contract": (contract, about)}), *named_checks(subject, given, CHECKS)]
