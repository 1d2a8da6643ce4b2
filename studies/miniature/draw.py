"""The study's page and its figures, made of the committed JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from studies.miniature.found import Found
from studies.miniature.pictures import figures
from studies.miniature.tables import TABLES

__all__ = ["draw", "stale"]


def draw(folder: Path, found: Found, *pages: Path) -> None:
    """Write tables into README.md of ``folder`` and into other pages that have markers for some, and figures into figures/."""
    for path, content in _contents(folder, found, pages).items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")


def stale(folder: Path, found: Found, *pages: Path) -> list[str]:
    """Names of the files that say something else than the JSON, and of figures that nothing draws any more."""
    contents = _contents(folder, found, pages)
    other = [path.name for path in sorted((folder / "figures").glob("*.svg")) if path not in contents]
    return other + [
        path.name
        for path, content in contents.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != content
    ]


def _contents(folder: Path, found: Found, pages: Sequence[Path]) -> dict[Path, str]:
    contents = {folder / "figures" / name: svg for name, svg in figures(found).items()}
    for page in (folder / "README.md", *pages):
        contents[page] = _rendered(page, found, of_all=page.parent == folder)
    return contents


def _rendered(path: Path, found: Found, *, of_all: bool) -> str:
    """The page with each table between its markers made anew. Raises ValueError where it has to have all, and one is missing."""
    page = path.read_text(encoding="utf-8")
    for name, table in TABLES.items():
        begin, end = f"<!-- table: {name} -->", f"<!-- end of table: {name} -->"
        head, opened, rest = page.partition(begin)
        _, closed, tail = rest.partition(end)
        if opened and closed:
            page = f"{head}{begin}\n\n{table(found)}\n\n{end}{tail}"
        elif of_all:
            raise ValueError(f"{path.name} has no markers for the table {name}")
    return page
