"""A page of HTML that asks nothing of any server, and the tables on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from reldistill.checkpoint.durable import replace_durably
from reldistill.report.style import STYLE

__all__ = ["page", "table", "value_in_words", "write_page"]


def page(title: str, parts: Iterable[str]) -> str:
    """A whole document; ``parts`` are HTML, ``title`` is text."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        # Nothing is to be fetched, whatever a configuration holds.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def table(rows: Iterable[Sequence[str]], *, head: Sequence[str] = ()) -> str:
    """Rows of text, the first cell of each a heading; ``head`` names the columns behind it."""
    first = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = [f"<tr><td></td>{first}</tr>"] if head else []
    for name, *cells in rows:
        values = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        lines.append(f'<tr><th scope="row">{escape(name)}</th>{values}</tr>')
    return f'<div class="wide"><table>{"".join(lines)}</table></div>'


def value_in_words(value: Any) -> str:
    """A value of a configuration, as a person writes it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {value_in_words(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(f"[{value_in_words(v)}]" if isinstance(v, list) else value_in_words(v) for v in value)
    return str(value)


def write_page(text: str, path: Path) -> Path:
    """Write a page in place of an older one, whole at once; raises OSError."""
    replace_durably(path, text.encode("utf-8", errors="replace"))  # a folder's name may be no Unicode
    return path
