"""Stopping on request: SIGTERM, SIGUSR1 and Ctrl-C end a run at a point from which it can go on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

from reldistill.errors import Stopped

__all__ = ["Stop"]

SIGNALS = ("SIGTERM", "SIGUSR1", "SIGINT")
"""Those that ask; Windows has no SIGUSR1."""


class Stop:
    """Takes requests to stop. As a context manager it takes them from signals too, in the main thread alone.

    The first request ends what can be done again, by :class:`Stopped`, wherever the program is; what is :meth:`held`
    goes on until it calls :meth:`check`. A second signal ends the process at once, unless that is left to its parent
    (``second_ends=False``), which passes on what the whole group has got already.
    """

    def __init__(self, *, second_ends: bool = True) -> None:
        self._second_ends = second_ends
        self._request: Stopped | None = None
        self._held = False
        self._previous: dict[signal.Signals, Any] = {}

    @property
    def requested(self) -> bool:
        """Whether somebody has asked."""
        return self._request is not None

    def request(self, by: str = "request", exit_code: int = Stopped.exit_code) -> None:
        """Ask, from any thread; taken note of at the next :meth:`check`."""
        self._request = Stopped(by, exit_code)

    def check(self) -> None:
        """Raise :class:`Stopped` if somebody has asked."""
        if self._request is not None:
            raise self._request

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within, a signal interrupts nothing: it is for :meth:`check` to act on it. One that came before acts now."""
        self.check()
        self._held = True
        try:
            yield
        finally:
            self._held = False

    def __enter__(self) -> Stop:
        for name in SIGNALS:
            if (number := getattr(signal, name, None)) is not None and signal.getsignal(number) != signal.SIG_IGN:
                self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous.clear()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._request is not None:
            if self._second_ends:
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)
            return
        by_hand = number == signal.SIGINT
        self.request("Ctrl-C" if by_hand else signal.Signals(number).name, 130 if by_hand else Stopped.exit_code)
        if not self._held:
            self.check()
