"""How much memory of its own a process takes: pages that no file stands behind. Linux only.

Pages of a mapped file are left out: the system takes them back whenever it needs them, without writing anything.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["AnonymousMemory", "anonymous_mib"]

EVERY = 0.001
"""Seconds between two looks: a copy of 10 MiB takes longer than that to write."""


def anonymous_mib() -> float:
    """``RssAnon`` of this process, in MiB. Raises ``OSError`` where there is no /proc."""
    with open("/proc/self/status", encoding="utf-8") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1024


class AnonymousMemory:
    """As a context: ``peak_mib`` and ``kept_mib`` are what was added to the process at the most, and at the end."""

    def __enter__(self) -> AnonymousMemory:
        self.peak_mib = self.kept_mib = 0.0
        self._before = anonymous_mib()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self.kept_mib = anonymous_mib() - self._before
        self.peak_mib = max(self.peak_mib, self.kept_mib)

    def _watch(self) -> None:
        while not self._over.wait(EVERY):
            self.peak_mib = max(self.peak_mib, anonymous_mib() - self._before)
