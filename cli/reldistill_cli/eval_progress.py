"""An evaluation on the screen: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from reldistill.evaluation.reporter import EvalReporter
from reldistill_cli.durations import duration
from reldistill_cli.output import console

if TYPE_CHECKING:
    from reldistill.evaluation.cells import CellResult

__all__ = ["EvalScreen"]

PLAIN_INTERVAL = 20.0
"""Seconds between two plain lines about the steps of a cell."""


class EvalScreen(EvalReporter):
    """Prints on stderr."""

    def __init__(self) -> None:
        self._console = console()
        self._live = self._console.is_terminal
        self._bars = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=20), MofNCompleteColumn(), TimeRemainingColumn(),
            console=self._console, disable=not self._live,
        )  # fmt: skip
        self._bar: tuple[str, TaskID] | None = None
        self._spoke = time.monotonic()
        self._left = 0

    def __enter__(self) -> EvalScreen:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def note(self, message: str) -> None:
        self._console.print(f"[yellow]note:[/] {escape(message)}")

    def begins(self, task: str, model: str, cells: int, finished: int) -> None:
        self._left = cells - finished
        there = f", {finished} finished before" if finished else ""
        self._console.print(f"[bold]{escape(task)}[/] {escape(model)}: {cells} fine-tuning runs{there}")

    def step(self, task: str, cell: str, done: int, of: int) -> None:
        name = f"{task} {cell}"
        if self._live:
            if self._bar is None or self._bar[0] != name:
                if self._bar is not None:
                    self._bars.remove_task(self._bar[1])
                self._bar = name, self._bars.add_task(escape(name), total=of)
            self._bars.update(self._bar[1], completed=done)
        elif time.monotonic() - self._spoke > PLAIN_INTERVAL:
            self._spoke = time.monotonic()
            self._console.print(escape(f"{name}: step {done:,}/{of:,}"))

    def finished(self, task: str, result: CellResult, metric: str) -> None:
        self._left -= 1
        chosen = "not defined" if result.selection is None else f"{result.selection:.2f}"
        left = f"; {self._left} left, about {duration(self._left * result.seconds)}" if self._left else ""
        name = result.cell.name
        self._console.print(escape(f"{task} {name}: {metric} {chosen} in {duration(result.seconds)}{left}"))
