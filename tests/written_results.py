"""Results of evaluations written by hand, as ``minictl eval`` leaves them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

STUDENT: dict[str, Any] = {
    "path": "runs/x/student", "name": "6x384", "teacher": "bert-base", "model_type": "bert", "layers": 6, "hidden_size": 384,
    "parameters": 22_713_216, "sha256": "a" * 64,
}  # fmt: skip
GLUE = {
    "squad2": {"dev": {"f1": 70.0, "exact": 67.5}}, "mnli": {"matched": {"accuracy": 80.0}, "mismatched": {"accuracy": 81.5}},
    "qnli": {"dev": {"accuracy": 88.0}}, "qqp": {"dev": {"accuracy": 90.0, "f1": 86.5}}, "rte": {"dev": {"accuracy": 66.0}},
    "sst2": {"dev": {"accuracy": 91.0}}, "mrpc": {"dev": {"accuracy": 87.0, "f1": 90.5}}, "cola": {"dev": {"matthews": 44.0}},
}  # fmt: skip
"""All tasks of the table of small students; the mean of the main metrics is 77.0."""


def score(median: float | None, *, mean: float | None = None, values: Sequence[float | None] = ()) -> dict[str, Any]:
    """Half a point below and one above the median; the mean a quarter above it where none is given."""
    if median is None:
        return {"median": None, "mean": None, "low": None, "high": None, "values": [None, None, None]}
    values = list(values) or [median - 0.5, median, median + 1]
    return {
        "median": median, "mean": median + 0.25 if mean is None else mean, "low": median - 0.5, "high": median + 1,
        "values": values,
    }  # fmt: skip


def content(task: str, scores: Mapping[str, Mapping[str, float | None]], **others: Any) -> dict[str, Any]:
    """What a result file holds; ``others`` in the place of its keys, ``model`` in addition to :data:`STUDENT`."""
    families = {"squad2": "squad2", "xnli": "xnli", "mlqa": "mlqa"}
    return {
        "format": 1, "task": task, "family": families.get(task, "glue"),
        "protocol": {"seeds": [1, 2, 3], "selection": "the best median on dev"},
        "selected": {"learning_rate": 3e-5, "epochs": 3}, "main_metric": "accuracy", "of_another_version": True,
        "scores": {split: {m: score(v) for m, v in metrics.items()} for split, metrics in scores.items()},
    } | others | {"model": STUDENT | others.get("model", {})}  # fmt: skip


def write_result(
    folder: Path, task: str, scores: Mapping[str, Mapping[str, float | None]], *, changed: float = 1_000_000_000, **others: Any
) -> Path:  # fmt: skip
    """``result.json`` in the folder, last changed at that time."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "result.json"
    path.write_text(json.dumps(content(task, scores, **others)), encoding="utf-8")
    os.utime(path, (changed, changed))
    return path


def write_glue(folder: Path, *leave_out: str, **others: Any) -> None:
    """A result of each task of :data:`GLUE`."""
    for task, scores in GLUE.items():
        if task not in leave_out:
            write_result(folder / task, task, scores, **others)
