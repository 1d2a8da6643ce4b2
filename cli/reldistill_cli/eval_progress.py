"""An evaluation on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from reldistill.evaluation.reporter import EvalReporter
from reldistill_cli.durations import duration
from reldistill_cli.screen import Screen

if TYPE_CHECKING:
    from reldistill.evaluation.cells import CellResult

__all__ = ["EvalScreen"]


class EvalScreen(Screen, EvalReporter):
    """Shows the steps of a cell, and each cell when it is finished."""

    def __init__(self) -> None:
        super().__init__()
        self._left = 0

    def begins(self, task: str, model: str, cells: int, finished: int) -> None:
        self._left = cells - finished
        there = f", {finished} finished before" if finished else ""
        self.console.print(f"[bold]{escape(task)}[/] {escape(model)}: {cells} fine-tuning runs{there}")

    def step(self, task: str, cell: str, done: int, of: int) -> None:
        name = f"{task} {cell}"
        self.bar(name, done, of)
        self.line("step", f"{name}: step {done:,}/{of:,}")

    def finished(self, task: str, result: CellResult, metric: str) -> None:
        self._left -= 1
        name = f"{task} {result.cell.name}"
        self.take_down(name)
        chosen = "not defined" if result.selection is None else f"{result.selection:.2f}"
        left = f"; {self._left} left, about {duration(self._left * result.seconds)}" if self._left else ""
        self.console.print(escape(f"{name}: {metric} {chosen} in {duration(result.seconds)}{left}"))
