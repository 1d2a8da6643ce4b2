"""Tables in Markdown, and the words that all of them use."""

from __future__ import annotations

from collections.abc import Sequence

from studies.miniature.found import METRICS, Found, Spread
from studies.miniature.plan import SENSITIVE

__all__ = ["NONE", "TASK_NAMES", "table", "tasks_of", "under", "written"]

NONE = "-"
TASK_NAMES = {"stsb": "STS-B", "mrpc": "MRPC", "cola": "CoLA"}


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown; the first column is words, the others are numbers."""
    lines = [f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def under(table: str, *notes: str) -> str:
    """The table, and below it what is to be said of it."""
    said = " ".join(filter(None, notes))
    return f"{table}\n\n{said}" if said else table


def written(spread: Spread | None, digits: int = 1) -> str:
    """Or a dash."""
    return spread.written(digits) if spread else NONE


def tasks_of(found: Found, model: str, tasks: Sequence[str] = tuple(METRICS)) -> list[str]:
    """Each task, and the mean of those that tell students apart."""
    return [*(written(found.score(task, model)) for task in tasks), written(found.mean_score(model, SENSITIVE))]
