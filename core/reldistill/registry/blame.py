"""Whose fault it is when the code of a plugin raises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from reldistill.errors import BrokenContract, PluginError, ReldistillError, in_one_line
from reldistill.registry.discovery import PluginSource

__all__ = ["blame"]


@contextmanager
def blame(source: PluginSource, what: str) -> Iterator[None]:
    """Turn what a plugin's code raises into a :class:`PluginError` that names plugin and thing; also an attempt to exit.

    Our own errors and those of the operating system and its memory pass: they say themselves what is wrong. So does
    anything that a built-in plugin raises: that is a fault of the toolkit, and its traceback is wanted.
    """
    try:
        yield
    except BrokenContract as error:
        raise error.of(source) from error
    except (ReldistillError, OSError):
        raise
    except (Exception, SystemExit) as error:
        if source.builtin or _out_of_memory(error):
            raise
        raise plugin_error(source, what, error) from error


def plugin_error(source: PluginSource, what: str, error: BaseException) -> PluginError:
    """``plugin 'x' of y 1.0: WHAT failed: KIND: WORDS``."""
    return PluginError(f"{source}: {what} failed: {type(error).__name__}: {in_one_line(error)}")


def _out_of_memory(error: BaseException) -> bool:
    from reldistill.out_of_memory import is_out_of_memory

    return is_out_of_memory(error)
