"""Whose fault it is when the code of a plugin raises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from reldistill.errors import PluginError, ReldistillError
from reldistill.registry.discovery import PluginSource

__all__ = ["blame"]


@contextmanager
def blame(source: PluginSource, what: str) -> Iterator[None]:
    """Turn what a plugin's code raises into a :class:`PluginError` that names plugin and thing.

    Our own errors and those of the operating system pass: they say themselves what is wrong. So does anything that a
    built-in plugin raises: that is a fault of the toolkit, and its traceback is wanted.
    """
    try:
        yield
    except (ReldistillError, OSError):
        raise
    except Exception as error:
        if source.builtin:
            raise
        raise PluginError(f"{source}: {what} failed: {type(error).__name__}: {error}") from error
