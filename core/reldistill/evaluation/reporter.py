"""What an evaluation tells while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reldistill.evaluation.cells import CellResult

__all__ = ["EvalReporter"]


class EvalReporter:
    """Says nothing; override what is wanted."""

    def note(self, message: str) -> None:
        """Something that the user should know and that needs no action."""

    def begins(self, task: str, model: str, cells: int, finished: int) -> None:
        """A search of so many cells, of which some had been finished before."""

    def step(self, task: str, cell: str, done: int, of: int) -> None:
        """An optimiser step of a cell."""

    def finished(self, task: str, result: CellResult, metric: str) -> None:
        """A cell was finished; ``metric`` is what it is chosen by."""
