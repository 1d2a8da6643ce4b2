"""A table as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["DASH", "MISSING", "Cell", "Row", "Table"]

DASH = "\N{EN DASH}"
"""Between the bounds of a range, as in print."""
MISSING = DASH
"""In a cell of which nothing is known."""


@dataclass(frozen=True)
class Cell:
    """What stands in a table, and the same as a JSON value: not rounded, None where nothing is known."""

    text: str
    value: Any

    @classmethod
    def missing(cls) -> Cell:
        """A cell of which nothing is known."""
        return cls(MISSING, None)


@dataclass(frozen=True)
class Row:
    """A line of a table; ``paper`` is the number of the paper's table that it is quoted from, None for ours."""

    cells: tuple[Cell, ...]
    paper: int | None = None


@dataclass(frozen=True)
class Table:
    """``columns`` are the headings, as many as each row has cells; the first ``words`` of them hold names."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    footnotes: tuple[str, ...]
    words: int = 2

    def blocks(self) -> list[tuple[str | None, list[Row]]]:
        """Rows that belong together, each block with what stands above it: None for ours, or the paper's table."""
        blocks: dict[int | None, list[Row]] = {}
        for row in self.rows:
            blocks.setdefault(row.paper, []).append(row)
        return [(None if paper is None else f"Paper, Table {paper}", rows) for paper, rows in blocks.items()]

    def describe(self) -> Mapping[str, Any]:
        """For JSON."""
        return {
            "title": self.title,
            "columns": list(self.columns),
            "rows": [
                {
                    "paper_table": row.paper,
                    "cells": dict(zip(self.columns, (c.value for c in row.cells), strict=True)),
                }
                for row in self.rows
            ],
            "footnotes": list(self.footnotes),
        }
