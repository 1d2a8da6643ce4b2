"""One process at a time at a piece of work, whoever started it; a process that dies lets go."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["claim", "claimed"]


def claim(file: IO[Any], *, wait: bool = False) -> bool:
    """Whether this open file is ours alone until it is closed. Where a file system has no locks, it is."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


@contextmanager
def claimed(path: Path, *, wait: Callable[[], None] | None = None) -> Iterator[bool]:
    """Whether the work that ``path`` stands for is ours within.

    The file is there for the time of the work. With ``wait`` it is called where another process has the work, and then
    waited for: who gets it looks first whether the work is done. Raises OSError where the file cannot be made.
    """
    while True:
        with path.open("ab") as file:
            mine = claim(file)
            if not mine and wait is not None:
                wait()
                mine = claim(file, wait=True)
            if mine and not _is(path, file):
                continue  # who had it has removed it: another one may have made it anew
            try:
                yield mine
            finally:
                if mine:
                    path.unlink(missing_ok=True)
            return


def _is(path: Path, file: IO[Any]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
