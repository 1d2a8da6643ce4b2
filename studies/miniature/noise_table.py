"""How far apart scores of one student lie that was fine-tuned from several seeds."""

from __future__ import annotations

from math import sqrt
from statistics import fmean, variance

from studies.miniature.found import Found
from studies.miniature.markdown import TASK_NAMES, table
from studies.miniature.plan import SENSITIVE, cells

__all__ = ["noise"]


def noise(found: Found) -> str:
    """For each task: the standard deviation of one fine-tuning, pooled over students, and what it makes of a mean of three."""
    rows = []
    for task in SENSITIVE:
        scores = [score.values for model in _fine_tuned_again(task) if (score := found.score(task, model))]
        several = [values for values in scores if len(values) > 2]
        if several:
            deviation = sqrt(fmean(variance(values) for values in several))
            widest = max(max(values) - min(values) for values in several)
            rows.append(
                [
                    TASK_NAMES[task], str(len(several)), f"{deviation:.1f}", f"{widest:.1f}", f"{deviation / sqrt(3):.1f}",
                    f"{2 * sqrt(2 / 3) * deviation:.0f}",
                ]
            )  # fmt: skip
    head = ["", "students", "standard deviation of a fine-tuning", "widest range of three", "standard error of a mean of three",
            "smallest difference of two means that is no chance"]  # fmt: skip
    return table(head, rows) if rows else "Not run."


def _fine_tuned_again(task: str) -> list[str]:
    """Students of the plan that are fine-tuned from more than one seed."""
    begin, end = f"{task}-", "-again-s0"
    return [
        cell.name.removeprefix(begin).removesuffix(end)
        for cell in cells()
        if cell.name.startswith(begin) and cell.name.endswith(end)
    ]
