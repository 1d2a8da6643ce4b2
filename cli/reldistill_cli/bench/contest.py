"""Contestants that take turns, each in a process of its own, and what came out of it."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from typing import Any

from reldistill.errors import ReldistillError

__all__ = ["Run", "Spread", "environment", "measure", "peak_mib", "spread_in_words", "take_turns"]


@dataclass(frozen=True)
class Run:
    """One run: times in seconds, memory in MiB; ``digest`` is of what came out."""

    seconds: float
    cpu_seconds: float
    peak_mib: float
    digest: str


@dataclass(frozen=True)
class Spread:
    """The median of some values, and the least and the greatest."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Raises ``ValueError`` without a value."""
        return cls(median(values), min(values), max(values))


def spread_in_words(figures: Mapping[str, float], digits: int = 1) -> str:
    """``2.0 (1.9 to 2.3)`` of a :class:`Spread` as a mapping: median, least and greatest."""
    median, least, greatest = (f"{figures[name]:.{digits}f}" for name in ("median", "least", "greatest"))
    return f"{median} ({least} to {greatest})"


def measure(work: Callable[[], object], digest: Callable[[], str]) -> None:
    """Run ``work`` in this process and print a :class:`Run`; ``digest`` is computed after the clock has stopped."""
    cpu, started = _cpu_seconds(), time.perf_counter()
    work()
    seconds, cpu = time.perf_counter() - started, _cpu_seconds() - cpu
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "peak_mib": peak_mib(), "digest": digest()}))


def peak_mib() -> float:
    """Of this process, or of the largest of those that it started and that have ended.

    Linux starts a new process's ``ru_maxrss`` at the size of the one that started it, but not its ``VmHWM``.
    """
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with contextlib.suppress(OSError), open("/proc/self/status", encoding="utf-8") as lines:
        own = next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), own)
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024


def _cpu_seconds() -> float:
    """Of this process and of those that it started and that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def take_turns(
    commands: Mapping[str, Sequence[str]], rounds: int, on_run: Callable[[str, int, Run], None], **variables: str
) -> dict[str, list[Run]]:
    """Run each command once a round, ``rounds`` times; each prints a :class:`Run` as its last line.

    Raises:
        ReldistillError: a command failed.
    """
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for number in range(rounds):
        for name, command in commands.items():
            done = subprocess.run(
                [sys.executable, *command], env=os.environ | variables, capture_output=True, text=True, check=False
            )
            if done.returncode != 0:
                raise ReldistillError(f"{name} failed with status {done.returncode}", hint=done.stderr[-2_000:].strip())
            run = Run(**json.loads(done.stdout.splitlines()[-1]))
            runs[name].append(run)
            on_run(name, number, run)
    return runs


def environment(*packages: str) -> dict[str, Any]:
    """The machine and the versions, without a name or a path of it."""
    return {
        "python": platform.python_version(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "versions": {package: _version(package) for package in ("reldistill", *packages)},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    except OSError:
        return platform.processor()
