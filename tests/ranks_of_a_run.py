"""Several processes that train together, as forks of the test."""

from __future__ import annotations

import os
import pickle
import socket
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["together"]


def together(size: int, folder: Path, work: Callable[[int], Any]) -> list[Any]:
    """What ``work(rank)`` returns in each of so many processes, or the exception that it raised, or -9 where it was killed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = []
    for rank in range(size):
        child = os.fork()
        if child == 0:
            try:
                os.environ |= {
                    "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1",
                    "MASTER_PORT": str(port),
                }  # fmt: skip
                try:
                    found = work(rank)
                except BaseException as error:
                    traceback.print_exc()
                    found = error
                (folder / f"rank-{rank}").write_bytes(pickle.dumps(found))
            finally:
                os._exit(0)
        children.append(child)
    outcomes: list[Any] = []
    for rank, child in enumerate(children):
        _, status = os.waitpid(child, 0)
        report = folder / f"rank-{rank}"
        outcomes.append(-os.WTERMSIG(status) if os.WIFSIGNALED(status) else pickle.loads(report.read_bytes()))
    return outcomes
