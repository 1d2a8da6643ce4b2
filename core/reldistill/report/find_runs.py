"""The runs of a folder, and the one that a user names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from reldistill.errors import ReldistillError, UsageError
from reldistill.local_path import local_path
from reldistill.report.run_summary import Run, is_run, last_change, read_run
from reldistill.run_files import LATEST, RUNS

__all__ = ["BrokenRun", "find_run", "list_runs"]

SHOWN = 20
"""Names that a refusal lists at most."""


@dataclass(frozen=True)
class BrokenRun:
    """A run folder that cannot be read, and why."""

    folder: Path
    reason: str
    changed: datetime

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    def describe(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "run": str(self.folder),
            "name": self.name,
            "broken": self.reason,
            "changed": self.changed.isoformat(timespec="seconds"),
        }


def list_runs(folder: Path = RUNS) -> list[Run | BrokenRun]:
    """The runs in a folder, the one that last wrote something first; a broken one hides no other.

    Raises :class:`UsageError` where ``folder`` is a file; one that is not there holds no run.
    """
    runs = [_read(path) for path in _run_folders(folder)]
    return sorted(runs, key=lambda run: (-run.changed.timestamp(), run.name))


def find_run(text: str) -> Path:
    """The folder of a run: ``text`` is that folder, ``latest``, a name under ``runs/``, or the beginning of one name alone.

    Raises :class:`UsageError` where there is no such run, or several; the message lists those there are.
    """
    if text == LATEST.name:
        if not is_run(LATEST):
            raise UsageError(f"{LATEST} leads to no run", hint=_those_there([p.name for p in _run_folders(RUNS)]))
        return _as_in_runs(LATEST)
    path = local_path(text)
    if text and path.is_dir() and is_run(path):
        return path
    names = [folder.name for folder in _run_folders(RUNS)]
    if text in names:
        return RUNS / text
    matching = [name for name in names if text and name.startswith(text)]
    if len(matching) == 1:
        return RUNS / matching[0]
    if matching:
        raise UsageError(f"{text!r} is the beginning of {len(matching)} runs", hint=_those_there(matching))
    near = get_close_matches(text, names, 1)
    meant = f"Did you mean {near[0]}? " if near else ""
    what = f"the folder {text} holds no run" if text and path.is_dir() else f"there is no run {text!r}"
    raise UsageError(what, hint=meant + _those_there(names))


def _run_folders(folder: Path) -> list[Path]:
    """Each run once, by name: a link to another folder of these is left out."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file, not a folder of runs")
    if not folder.is_dir():
        return []
    paths = sorted(path for path in folder.iterdir() if ".tmp-" not in path.name and _may_be_run(path))
    own = {path.resolve() for path in paths if not path.is_symlink()}
    return [path for path in paths if not path.is_symlink() or path.resolve() not in own]


def _may_be_run(path: Path) -> bool:
    try:
        return path.is_dir() and is_run(path)
    except OSError:  # somebody else's: listed, with the reason
        return True


def _read(folder: Path) -> Run | BrokenRun:
    try:
        return read_run(folder)
    except ReldistillError as error:
        reason = error.message
    except OSError as error:
        reason = f"{error.filename or folder}: {error.strerror or error}"
    try:
        changed = last_change(folder)
    except OSError:
        changed = datetime.fromtimestamp(0, UTC)
    return BrokenRun(folder, reason, changed)


def _as_in_runs(link: Path) -> Path:
    """Where a link leads, by its name under ``runs/`` if it leads there."""
    target = link.resolve()
    return RUNS / target.name if target.parent == RUNS.resolve() else target


def _those_there(names: list[str]) -> str:
    if not names:
        return f"{RUNS}/ holds no run. Give the folder of a run, or make one: minictl distill."
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"Runs in {RUNS}/: {', '.join(names[:SHOWN])}{more}. The folder of a run is taken, too."
