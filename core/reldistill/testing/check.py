"""One thing that is asked of a plugin, and how it is said that it does not hold. Free of torch and pytest."""

from __future__ import annotations

import traceback
import unittest
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from reldistill.errors import in_one_line

__all__ = ["Check", "Checks", "ConformanceError", "NotApplicable", "ask", "named_checks"]

T = TypeVar("T")

LIBRARIES = frozenset({"datasets", "numpy", "pluggy", "safetensors", "tokenizers", "torch", "transformers"})
"""Folders of code that plugins call, where a line says little to whoever wrote the plugin."""

Checks = Mapping[str, tuple[Callable[[T], None], str]]
"""Name -> a function of the thing that is checked, and what it is about."""


class ConformanceError(AssertionError):
    """What does not hold, as advice: what was ``found``, what the ``contract`` says, and what to ``change``."""

    def __init__(self, found: str, contract: str, change: str) -> None:
        super().__init__(found, contract, change)
        self.found = found
        self.contract = contract
        self.change = change

    def __str__(self) -> str:
        return f"Found: {self.found}\nContract: {self.contract}\nChange: {self.change}"


class NotApplicable(unittest.SkipTest):
    """The check cannot be made here, and this is why; pytest and unittest take it for a skipped test."""


@dataclass(frozen=True)
class Check:
    """Something that must hold of ``subject``, for example ``relation hidden-cosine``. Calling it makes the check.

    ``about``: what it holds the subject to, in one line. ``run`` is what the call runs.

    The call raises :class:`ConformanceError` where it does not hold, also for whatever the plugin itself raises, and
    :class:`NotApplicable` where the check cannot be made.
    """

    subject: str
    name: str
    run: Callable[[], None]
    about: str = ""

    def __call__(self) -> None:
        try:
            self.run()
        except (ConformanceError, NotApplicable):
            raise
        except (Exception, SystemExit) as error:
            raise ConformanceError(
                f"{_raised(error)}{_where(error)}",
                self.about or "the check passes",
                "Let the plugin take what the check hands to it, or refuse it where its contract allows that.",
            ) from error

    def __str__(self) -> str:
        return f"{self.subject}: {self.name}"


def named_checks(subject: str, thing: T, checks: Checks[T], suffix: str = "") -> list[Check]:
    """The checks of one thing; ``suffix`` stands behind each name."""
    return [
        Check(subject, f"{name}{suffix}", _bound(function, thing), about) for name, (function, about) in checks.items()
    ]


def ask(question: str, call: Callable[[], T], contract: str, change: str) -> T:
    """What ``call`` gives; what it raises is a :class:`ConformanceError` that begins with ``question``."""
    try:
        return call()
    except (ConformanceError, NotApplicable):
        raise
    except (Exception, SystemExit) as error:
        raise ConformanceError(f"{question} {_raised(error)}{_where(error)}", contract, change) from error


def _bound(function: Callable[[T], None], thing: T) -> Callable[[], None]:
    return lambda: function(thing)


def _raised(error: BaseException) -> str:
    return f"raised {type(error).__name__}: {in_one_line(error)}"


def _where(error: BaseException) -> str:
    """The innermost line that is neither the toolkit's nor of a library that it uses: most often the plugin's."""
    toolkit, python = Path(__file__).parents[1], Path(traceback.__file__).parent
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        library = file.is_relative_to(python) and "site-packages" not in file.parts
        if not library and not file.is_relative_to(toolkit) and not LIBRARIES & set(file.parts) and file.is_file():
            return f" ({file.name}, line {frame.lineno}, in {frame.name})"
    return ""
