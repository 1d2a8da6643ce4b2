"""A cell of the study: one command, whose answer becomes one committed file."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Cell"]


@dataclass(frozen=True)
class Cell:
    """``command`` is run in the work folder, on one thread, and answers with one JSON object on stdout.

    ``needs``: names of the cells that must be done before it. ``curve``: a metrics.jsonl, relative to the work folder, whose
    rows belong to the answer. ``makes``: what later cells find in the work folder; where it is gone the cell is run again.
    """

    name: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    curve: str = ""
    makes: str = ""

    @property
    def file(self) -> str:
        """Name of its file among the results."""
        return f"{self.name}.json"
