"""Tables as CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from io import StringIO

from reldistill.evaluation.tables.table import MISSING, Table

__all__ = ["to_csv"]


def to_csv(tables: Iterable[Table]) -> str:
    """One block a table, an empty line between, lines ended by a newline alone.

    Before the table's columns stands the source of a row, ``measured`` or the paper's table; a missing cell is empty,
    and there are no footnotes.
    """
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for number, table in enumerate(tables):
        if number:
            out.write("\n")
        writer.writerow(["Source", *table.columns])
        for heading, rows in table.blocks():
            for row in rows:
                texts = ("" if cell.text == MISSING else cell.text for cell in row.cells)
                writer.writerow([heading or "measured", *texts])
    return out.getvalue()
