"""The study's page and its figures, made of the committed JSON."""

from __future__ import annotations

from pathlib import Path

from studies.miniature.found import Found
from studies.miniature.pictures import figures
from studies.miniature.tables import TABLES

__all__ = ["draw", "stale"]


def draw(folder: Path, found: Found) -> None:
    """Write tables into README.md of ``folder``, and figures into figures/."""
    for path, content in _contents(folder, found).items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")


def stale(folder: Path, found: Found) -> list[str]:
    """Names of the files that say something else than the JSON, and of figures that nothing draws any more."""
    contents = _contents(folder, found)
    other = [path.name for path in sorted((folder / "figures").glob("*.svg")) if path not in contents]
    return other + [
        path.name
        for path, content in contents.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != content
    ]


def _contents(folder: Path, found: Found) -> dict[Path, str]:
    page = folder / "README.md"
    contents = {page: _rendered(page.read_text(encoding="utf-8"), found)}
    return contents | {folder / "figures" / name: svg for name, svg in figures(found).items()}


def _rendered(page: str, found: Found) -> str:
    """The page with each table between its markers made anew. Raises ValueError where a marker is missing."""
    for name, table in TABLES.items():
        begin, end = f"<!-- table: {name} -->", f"<!-- end of table: {name} -->"
        head, opened, rest = page.partition(begin)
        _, closed, tail = rest.partition(end)
        if not (opened and closed):
            raise ValueError(f"README.md has no markers for the table {name}")
        page = f"{head}{begin}\n\n{table(found)}\n\n{end}{tail}"
    return page
