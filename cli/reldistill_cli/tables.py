"""Tables on stdout, a line a row."""

from __future__ import annotations

import sys
from datetime import datetime
from io import StringIO

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from reldistill.report.chart import short

__all__ = ["column_table", "pair_table", "print_table", "said", "when"]

UNBOUNDED = 10_000
"""Columns of the screen that a table is laid out for."""


def column_table(*headings: str) -> Table:
    """A table with a line of headings."""
    return Table(*headings, box=None, pad_edge=False)


def pair_table() -> Table:
    """Names in bold and what stands to them."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", min_width=16)
    table.add_column()
    return table


def print_table(table: Table) -> None:
    """The table and an empty line, on stdout; a row is a line for whoever reads it, and no cell is cut or broken."""
    lines = StringIO()
    Console(
        highlight=False, emoji=False, width=UNBOUNDED, file=lines, force_terminal=sys.stdout.isatty(), legacy_windows=False
    ).print(table)  # fmt: skip
    for line in lines.getvalue().splitlines():
        print(line.rstrip())
    print()


def said(value: object) -> str:
    """A value of a file as a cell: numbers in four digits, nothing that a terminal obeys, - for None."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return short(value)
    if isinstance(value, int):
        return f"{value:,}"
    return escape("".join(sign if sign.isprintable() else "�" for sign in str(value)))


def when(moment: datetime) -> str:
    """In the reader's time zone."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"
