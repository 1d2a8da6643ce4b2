"""``speed.json`` beside a result: speedups that were measured, so that nobody waits for the same one twice."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from reldistill.checkpoint.durable import replace_durably

__all__ = ["SPEED_NAME", "Speedup", "keep_speedup", "kept_speedup", "this_machine"]

SPEED_NAME = "speed.json"
FORMAT = 1


@dataclass(frozen=True)
class Speedup:
    """How many times as many sequences a second as the reference: of the medians, and the bounds that all rounds set.

    ``low`` is the model's slowest round against the reference's fastest one, ``high`` the other way round.
    """

    sha256: str
    machine: str
    reference: str
    device: str
    threads: int
    batch: int
    length: int
    rounds: int
    median: float
    low: float
    high: float


def this_machine() -> str:
    """Processor and cores, as the key of what was measured here."""
    return f"{_processor()}, {os.cpu_count()} cores"


def kept_speedup(folders: Iterable[Path], sha256: str, machine: str) -> Speedup | None:
    """The newest that was measured for the model on the machine; a file that cannot be read counts for nothing."""
    for folder in folders:
        for speedup in reversed(_read(folder / SPEED_NAME)):
            if (speedup.sha256, speedup.machine) == (sha256, machine):
                return speedup
    return None


def keep_speedup(folder: Path, speedup: Speedup) -> None:
    """Add it to the folder's file, in the place of an older one of the same model and machine. Raises OSError."""
    path = folder / SPEED_NAME
    others = [s for s in _read(path) if (s.sha256, s.machine) != (speedup.sha256, speedup.machine)]
    content = {"format": FORMAT, "speedups": [asdict(s) for s in (*others, speedup)]}
    replace_durably(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def _read(path: Path) -> list[Speedup]:
    # What is broken here is measured again: that costs less than a report that does not come.
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return [Speedup(**speedup) for speedup in content["speedups"]] if content["format"] == FORMAT else []
    except (OSError, ValueError, TypeError, KeyError):
        return []


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()
