"""What long work shows on stderr: bars on a terminal, plain lines now and then elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from reldistill_cli.output import console

__all__ = ["Screen"]

PLAIN_INTERVAL = 10.0
"""Seconds between two plain lines of the same kind, where there is no terminal."""


class Screen:
    """A base of reporters. Use as a context manager, so that the bars are taken down."""

    def __init__(self) -> None:
        self.console = console()
        self._live = self.console.is_terminal
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}"),
            console=self.console,
            disable=not self._live,
        )
        self._tasks: dict[str, TaskID] = {}
        self._spoke: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def note(self, message: str) -> None:
        """Something that the user should know and that needs no action."""
        self.console.print(f"[yellow]note:[/] {escape(message)}")

    def bar(self, name: str, done: int, total: int | None, detail: str | None = None) -> None:
        """Show how far the work of this name is; without ``detail`` what stood there stays."""
        if not self._live:
            return
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(escape(name), total=total, detail="")
        if detail is None:
            self._bars.update(self._tasks[name], completed=done)
        else:
            self._bars.update(self._tasks[name], completed=done, total=total, detail=detail)

    def take_down(self, name: str) -> None:
        """The work of this name is done."""
        if (task := self._tasks.pop(name, None)) is not None:
            self._bars.remove_task(task)

    def line(self, kind: str, text: str, *, force: bool = False) -> None:
        """Where there is no terminal: a line, if the last one of its kind is a while ago."""
        now = time.monotonic()
        if self._live or (not force and now - self._spoke.get(kind, float("-inf")) < PLAIN_INTERVAL):
            return
        self._spoke[kind] = now
        self.console.print(escape(text))
