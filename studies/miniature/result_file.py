"""What a cell answered, as a committed file."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from studies.miniature.cell import Cell

__all__ = ["Results"]


@dataclass(frozen=True)
class Results:
    """The folder of results, a file a cell."""

    folder: Path

    def of(self, name: str) -> dict[str, Any] | None:
        """What was written for the cell of this name, if it is done."""
        path = self.folder / f"{name}.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def seconds_spent(self) -> float:
        """Of one core, by all cells that are done."""
        return sum(
            float(json.loads(path.read_text(encoding="utf-8"))["seconds"]) for path in self.folder.glob("*.json")
        )

    def is_done(self, cell: Cell) -> bool:
        """Whether the very command of the cell was answered."""
        found = self.of(cell.name)
        return found is not None and found["command"] == shown(cell)

    def write(self, cell: Cell, answer: Mapping[str, Any], curve: list[dict[str, Any]], seconds: float) -> None:
        """Under the cell's name, all at once."""
        result = {
            "cell": cell.name,
            "command": shown(cell),
            "seconds": round(seconds, 1),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": {name: version(name) for name in ("reldistill", "torch", "transformers")},
            "machine": {"processor": _processor(), "system": platform.system(), "cores": os.cpu_count()},
            "answer": dict(answer),
        }
        if curve:
            result["curve"] = curve
        self.folder.mkdir(parents=True, exist_ok=True)
        scratch = self.folder / f"{cell.file}.tmp"
        scratch.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        scratch.rename(self.folder / cell.file)


def shown(cell: Cell) -> str:
    """The command as one types it."""
    _python, _m, program, *arguments = cell.command
    start = "minictl" if program == "reldistill_cli" else f"python -m {program}"
    return " ".join([start, *arguments])


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
