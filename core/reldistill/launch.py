"""Starting the processes of one run on this machine, by torchrun's own agent.

Several machines, or a scheduler that starts processes by itself, use torchrun as it is: ``torchrun … -m reldistill_cli distill …``.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import tempfile
import uuid
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from types import FrameType
from typing import Any

from reldistill.errors import ReldistillError, Stopped
from reldistill.stop import Stop

__all__ = ["in_worker", "launch", "report_exit_code", "under_torchrun"]

STATUS = "RELDISTILL_STATUS"
"""Names the file into which a process writes the exit code that the run is to have."""

PATIENCE = 300
"""Seconds that a process has to save in."""

FAILED, INTERRUPTED = 1, 130
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


def launch(processes: int, arguments: Sequence[str]) -> int:
    """Run ``python -m reldistill_cli ARGUMENTS`` in so many processes that know of each other; the exit code.

    SIGTERM, SIGUSR1 and Ctrl-C become one SIGTERM for each of them; whoever is not done five minutes after it is killed. A
    second signal ends all at once.
    """
    with Stop():  # until torchrun's agent listens itself
        return _launched(processes, arguments)


def _launched(processes: int, arguments: Sequence[str]) -> int:
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    asked_by: list[int] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        asked_by.append(number)
        os.kill(os.getpid(), signal.SIGTERM)

    # Its own log is of no use to who typed the command: what happened is said by the processes.
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("torch.distributed"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores // processes)))
    with tempfile.TemporaryDirectory(prefix="reldistill-") as scratch:
        status = Path(scratch) / "status"
        os.environ[STATUS] = str(status)
        # What not every torch has: before, it gives them half a minute.
        options: dict[str, Any] = {"signals_to_handle": "SIGTERM", "shutdown_timeout": PATIENCE}
        known = {field.name for field in fields(LaunchConfig)}
        os.environ["TORCHELASTIC_SIGNALS_TO_HANDLE"] = "SIGTERM"  # torch before 2.9 reads it here
        config = LaunchConfig(
            min_nodes=1, max_nodes=1, nproc_per_node=processes, run_id=uuid.uuid4().hex, rdzv_backend="c10d",
            rdzv_endpoint="localhost:0", max_restarts=0, monitor_interval=0.1, local_addr="localhost",
            logs_specs=DefaultLogsSpecs(log_dir=scratch),
            **{name: value for name, value in options.items() if name in known},
        )  # fmt: skip
        for name in ("SIGINT", "SIGUSR1"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), ask)
        try:
            elastic_launch(config, sys.executable)("-m", "reldistill_cli", *arguments)
            code = 0
        except ChildFailedError as error:
            # The agent stops the others when one dies, and gloo may abort them: what they report then is not what happened.
            by_agent = -signal.SIGTERM
            killed = [f.exitcode for f in error.failures.values() if f.exitcode < 0 and f.exitcode != by_agent]
            killed.sort(key=lambda code: code == -signal.SIGABRT)
            if killed:
                raise ReldistillError(
                    f"a process of this run was killed by signal {-killed[0]}",
                    hint="The same command goes on from the newest checkpoint. Signal 9 often means that memory ran out.",
                ) from error
            code = FAILED
        except SignalException:
            code = 128 + signal.SIGTERM
        finally:
            del os.environ[STATUS]  # this process reports to nobody
        if status.is_file():
            code = int(status.read_text())
        return INTERRUPTED if code == Stopped.exit_code and signal.SIGINT in asked_by else code


def under_torchrun() -> bool:
    """Whether this is one of several processes of a run: torchrun takes any exit code but 0 for a failure of all."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def in_worker() -> bool:
    """Whether :func:`launch` started this process; then it dies with the one that did, and leaves Ctrl-C to it."""
    if STATUS not in os.environ:
        return False
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    return True


def report_exit_code(code: int) -> None:
    """For the process that :func:`launch` runs in; the first report stands."""
    if path := os.environ.get(STATUS):
        try:
            with open(path, "x", encoding="utf-8") as file:
                file.write(str(code))
        except FileExistsError:
            pass
