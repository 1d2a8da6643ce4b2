"""The rows of a metrics.jsonl, read while a run writes it or after."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from math import nan
from pathlib import Path

from reldistill.errors import DataError

__all__ = ["TRAINED", "VALIDATED", "Row", "read_rows", "trained_rows", "validated_rows"]

Row = Mapping[str, float]

TRAINED, VALIDATED = "loss", "validation/loss"
"""What a row of training has, and what one of validation has."""


def read_rows(path: Path) -> list[Row]:
    """All rows, in the file's order. A last line that was not written to its end is passed over.

    Raises:
        DataError: another line is no row, or the file is not there; the message names file and line.
        OSError: the file cannot be read.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError as error:
        raise DataError(f"{path} is not there", hint="A run writes it as soon as it trains.") from error
    rest = lines.pop()  # behind the last line's end: nothing, or what a run was stopped in
    rows = [_row(line, path, number) for number, line in enumerate(lines, 1)]
    if rest:
        with suppress(DataError):
            rows.append(_row(rest, path, len(lines) + 1))
    return rows


def trained_rows(rows: list[Row]) -> list[Row]:
    """Those that training wrote."""
    return [row for row in rows if TRAINED in row]


def validated_rows(rows: list[Row]) -> list[Row]:
    """Those that a validation wrote."""
    return [row for row in rows if VALIDATED in row]


def _row(line: bytes, path: Path, number: int) -> Row:
    try:
        found = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _broken(path, number, "is not JSON") from error
    if not isinstance(found, dict):
        raise _broken(path, number, "is not an object")
    # Not finite, for which JSON has no word.
    found = {name: nan if value is None else value for name, value in found.items()}
    for name, value in found.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _broken(path, number, f"{name!r} is not a number")
        if isinstance(value, int) and abs(value) >= 2**63:
            raise _broken(path, number, f"{name!r} is out of all bounds")
    step = found.get("step")
    if not isinstance(step, int) or step < 0:
        raise _broken(path, number, "has no step, a whole number")
    return found


def _broken(path: Path, number: int, what: str) -> DataError:
    return DataError(
        f"{path}:{number}: the line {what}",
        hint="Each line is the row of a step. Take the line out, or the file from a copy; the student does not depend on it.",
    )
