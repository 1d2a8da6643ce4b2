"""Tables as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from reldistill.evaluation.tables.table import Table

__all__ = ["to_markdown"]


def to_markdown(tables: Iterable[Table]) -> str:
    """Pipe tables below headings of the third level, the footnotes as a list; one newline at the end."""
    return "\n".join(_table(table) for table in tables)


def _table(table: Table) -> str:
    sides = ["---"] * table.words + ["---:"] * (len(table.columns) - table.words)
    lines = [f"### {_escaped(table.title)}", "", _line(list(map(_escaped, table.columns))), _line(sides)]
    for heading, rows in table.blocks():
        if heading is not None:
            lines.append(_line([f"*{_escaped(heading)}*", *[""] * (len(table.columns) - 1)]))
        lines += [_line([_escaped(cell.text) for cell in row.cells]) for row in rows]
    lines += ["", *(f"- {_escaped(note)}" for note in table.footnotes)]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _escaped(text: str) -> str:
    """Nothing of it is markup, a number sign at the beginning included; one line."""
    return re.sub(r"([\\`*_\[\]<>|#~&])", r"\\\1", " ".join(text.split()))
