"""Pages, and parts of pages, that a script makes: written, or held against what stands there."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["cell", "deliver", "filled", "prose"]


def deliver(page: Path, content: str) -> None:
    """Write the page; with ``--check`` on the command line end with an error where it says something else."""
    if "--check" not in sys.argv:
        page.write_text(content, encoding="utf-8")
    elif not page.is_file() or page.read_text(encoding="utf-8") != content:
        sys.exit(f"{page} is not what the code says: python -m docs.{Path(sys.argv[0]).stem}")


def filled(page: str, parts: Mapping[str, str]) -> str:
    """The page with what stands between ``<!-- NAME -->`` and ``<!-- end of NAME -->`` made anew, for each name.

    Raises:
        ValueError: a marker is missing.
    """
    for name, part in parts.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        head, found, rest = page.partition(begin)
        _, closed, tail = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"the page has no {begin.strip()} … {end}")
        page = f"{head}{begin}\n{part}\n\n{end}{tail}"
    return page


def prose(text: str) -> str:
    """Plain text as Markdown: what stands between backticks stays, signs of Markdown and HTML elsewhere are escaped."""
    pieces = text.split("`")
    escape = str.maketrans({"<": "&lt;", ">": "&gt;", "*": r"\*", "[": r"\[", "]": r"\]"})
    pieces[::2] = [piece.translate(escape) for piece in pieces[::2]]
    return "`".join(pieces)


def cell(text: str) -> str:
    """Plain text as a cell of a table."""
    return prose(" ".join(text.split())).replace("|", r"\|")
