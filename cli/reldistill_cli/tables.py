"""Tables on stdout: fitted to a terminal, one line a row where there is none."""

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
"""Columns of a table that a program reads: no cell is broken or cut."""


def column_table(*headings: str) -> Table:
    """A table whose cells a narrow terminal breaks."""
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def pair_table() -> Table:
    """Names in bold and what stands to them."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True, min_width=16)
    table.add_column(overflow="fold")
    return table


def print_table(table: Table) -> None:
    """The table and an empty line, on stdout."""
    if sys.stdout.isatty():
        Console(highlight=False, emoji=False).print(table)
        print()
        return
    lines = StringIO()
    Console(highlight=False, emoji=False, width=UNBOUNDED, file=lines).print(table)
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
