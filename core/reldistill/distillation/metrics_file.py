"""metrics.jsonl: one JSON object a line, each line whole as soon as it is there."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

__all__ = ["MetricsFile"]


class MetricsFile:
    """Begins the file anew and appends rows. What a program reads of it while the run goes on ends at a whole line,
    but for the last one where the disk is full."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")

    def write(self, row: Mapping[str, float]) -> None:
        """Append one row."""
        self._file.write(json.dumps(dict(row)) + "\n")
        self._file.flush()

    def __enter__(self) -> MetricsFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            os.fsync(self._file.fileno())
        self._file.close()
