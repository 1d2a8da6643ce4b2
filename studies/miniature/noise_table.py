"""How far apart scores lie by chance: of the rows of a dev set, and of the seed of a fine-tuning."""

from __future__ import annotations

from math import sqrt
from statistics import fmean, variance

from studies.miniature.found import Found
from studies.miniature.markdown import TASK_NAMES, table
from studies.miniature.plan import SENSITIVE, cells

__all__ = ["noise"]

OF_ROWS = {"stsb": (1 - 0.4**2) / sqrt(1499), "cola": 1 / sqrt(1043)}
"""Standard error of a score of weak students by the rows of the dev set: of a Spearman correlation near 0.4, of a Matthews near 0."""


def noise(found: Found) -> str:
    """For each task: the deviation of one fine-tuning, pooled over students, and with that of the rows what it lets differ."""
    rows = []
    for task in SENSITIVE:
        scores = [score.values for model in _fine_tuned_again(task) if (score := found.score(task, model))]
        several = [values for values in scores if len(values) > 2]
        if several:
            pooled, of_rows = fmean(variance(values) for values in several), (100 * OF_ROWS[task]) ** 2
            widest = max(max(values) - min(values) for values in several)
            by_chance = (2 * sqrt(2 * (of_rows + pooled / fine_tunings)) for fine_tunings in (3, 1))
            rows.append(
                [
                    TASK_NAMES[task],
                    str(len(several)),
                    f"{sqrt(pooled):.1f}",
                    f"{widest:.1f}",
                    *(f"{one:.0f}" for one in by_chance),
                ]
            )
    head = ["", "students", "deviation of a fine-tuning, pooled", "widest range of three", "two means of three differ by chance by",
            "two single scores by"]  # fmt: skip
    return table(head, rows) if rows else "Not run."


def _fine_tuned_again(task: str) -> list[str]:
    """Students of the plan that are fine-tuned from more than one seed."""
    begin, end = f"{task}-", "-again-s0"
    names = (cell.name for cell in cells() if cell.name.startswith(begin) and cell.name.endswith(end))
    return [name.removeprefix(begin).removesuffix(end) for name in names]
