"""Work in a process of its own, which may be killed."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable

__all__ = ["in_a_child", "was_killed"]


def in_a_child(work: Callable[[], object]) -> int:
    """The process id of a fork that does the work and ends; with 0, or with 1 where the work raised."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def was_killed(child: int) -> bool:
    """Wait for it to end: killed, or else with 0."""
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return os.WIFSIGNALED(status)
