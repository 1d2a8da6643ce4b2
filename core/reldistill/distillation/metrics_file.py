"""metrics.jsonl: one JSON object a line, each line whole as soon as it is there."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from reldistill.errors import ReldistillError
from reldistill.file_lock import claim

__all__ = ["MetricsFile"]

VALIDATION = "validation/"


class MetricsFile:
    """Appends rows. While it is open no other process opens it: two runs in one folder would spoil each other's.

    What a program reads of it while the run goes on ends at a whole line, but for the last one where the disk is full.

    Raises :class:`ReldistillError` where another process has it.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+b")
        if not claim(self._file):
            self._file.close()
            raise ReldistillError(
                f"another process is at work on the run in {path.parent}",
                hint="Wait for it or end it; or give another --output.",
            )

    def write(self, row: Mapping[str, float]) -> None:
        """Append one row; a number that is not finite becomes null, for which alone JSON has a word."""
        finite = {name: value if math.isfinite(value) else None for name, value in row.items()}
        self._file.write(json.dumps(finite).encode() + b"\n")
        self._file.flush()

    def cut_back(self, step: int, *, validated: bool) -> None:
        """Keep the rows up to ``step``, those of its validation only where it was ``validated``; a torn line goes."""
        self._file.seek(0)
        end = 0
        for line in self._file:
            try:
                row = json.loads(line)
                late = row["step"] > step or (row["step"] == step and not validated and _is_validation(row))
            except (ValueError, KeyError, TypeError):
                late = True
            if late or not line.endswith(b"\n"):
                break
            end += len(line)
        self._file.truncate(end)

    def clear(self) -> None:
        """Begin anew."""
        self._file.truncate(0)

    def sync(self) -> None:
        """Bring what was written to the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> MetricsFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.sync()
        finally:
            self._file.close()


def _is_validation(row: Mapping[str, object]) -> bool:
    return any(name.startswith(VALIDATION) for name in row)
