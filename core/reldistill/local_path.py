"""A path as a person types it."""

from __future__ import annotations

from pathlib import Path

from reldistill.errors import UsageError

__all__ = ["local_path"]


def local_path(text: str) -> Path:
    """The path, with ``~`` as the home folder; :class:`UsageError` for the home of a user who is not there."""
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise UsageError(f"{text}: there is no such user on this machine") from error
