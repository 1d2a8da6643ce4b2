"""Scores against those that are known."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reldistill.testing.check import ConformanceError, NotApplicable, ask
from reldistill.testing.task.tiny import make_tokenizer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from datasets import Dataset
    from numpy.typing import NDArray

    from reldistill.testing.task.rows import Given

__all__ = ["Golden", "check_golden", "read_golden"]

TOLERANCE = 1e-4
"""In percent."""

FORMAT = (
    'a golden file is a JSON list of {"rows": {column: [...]}, "outputs": [[...], ...], "language": "en", '
    '"scores": {metric: value}}'
)


@dataclass(frozen=True)
class Golden:
    """Rows, the logits of each of their features, and the scores of these in percent."""

    rows: Dataset
    outputs: list[NDArray[np.float32]]
    language: str
    scores: Mapping[str, float | None]


def read_golden(file: Path) -> list[Golden]:
    """The entries of a golden file. Raises :class:`ConformanceError` where it is none."""
    from datasets import Dataset

    def entry(content: Any) -> Golden:
        return Golden(
            Dataset.from_dict(content["rows"]),
            [np.array(output, np.float32) for output in content["outputs"]],
            content.get("language", "en"),
            dict(content["scores"]),
        )

    found = ask(
        f"reading {file}",
        lambda: [entry(content) for content in json.loads(file.read_text(encoding="utf-8"))],
        FORMAT,
        "Write it as the format says; null is the score of a metric that is not defined.",
    )
    if not found or not all(golden.scores and len(golden.rows) for golden in found):
        raise ConformanceError(f"{file} holds no rows or no scores", FORMAT, "Add an entry with rows and scores.")
    return found


def check_golden(given: Given) -> None:
    """Each entry of the file."""
    if given.golden is None:
        raise NotApplicable(
            "it needs known scores: pass golden (--golden), a file as help(reldistill.testing.task_checks) describes it"
        )
    tokenizer = make_tokenizer()
    for number, golden in enumerate(read_golden(given.golden)):
        encoded = given.task.encode(golden.rows, tokenizer, given.task.max_length)
        if len(golden.outputs) != len(encoded):
            raise ConformanceError(
                f"entry {number} has {len(golden.outputs)} outputs; its {len(golden.rows)} rows give {len(encoded)} features",
                "outputs are the logits of each feature, in the order of encode()",
                "Give one output a feature; short rows give one each.",
            )
        found = given.task.score(golden.outputs, golden.rows, encoded, golden.language)
        for name, expected in golden.scores.items():
            value = found.get(name, "absent")
            same = (
                value is None
                if expected is None
                else isinstance(value, float) and abs(value - expected) <= TOLERANCE
            )  # fmt: skip
            if not same:
                raise ConformanceError(
                    f"entry {number}: {name} is {value}, the golden file says {expected}",
                    "metrics are those of the task's official script, in percent",
                    "Correct score(), or the file if it is not what the official script says.",
                )
