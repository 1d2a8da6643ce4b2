"""What can go wrong by a user's mistake, each with the exit code that ``minictl`` ends with.

An error of this module is one message for a person: what is wrong, where, which values are allowed, and what to do
next (the hint). ``minictl`` prints it without a traceback; a library user catches :class:`ReldistillError`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

__all__ = [
    "BrokenContract", "CheckpointError", "DataError", "PluginError", "ReldistillError", "Stopped", "UsageError", "as_one", "did_you_mean",
    "in_one_line",
]  # fmt: skip


class ReldistillError(Exception):
    """Base of all errors that carry a message for the user. Exit code 1."""

    exit_code = 1
    of_another = False
    """Whether it went wrong in another process of the run, which says what."""
    said_by_another: bool | None = None
    """Whether another process meets the same and says it; None where nobody has settled it."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.message, self.hint)


class UsageError(ReldistillError):
    """A wrong option or configuration, also a teacher that is not there. Exit code 2."""

    exit_code = 2


class DataError(ReldistillError):
    """Text or a corpus that is missing, broken or made for something else. Exit code 3."""

    exit_code = 3


class PluginError(ReldistillError):
    """A plugin that was asked for failed to load or broke its contract. Exit code 4."""

    exit_code = 4


class BrokenContract(PluginError):
    """Raised where it is known what broke its contract, but not whose it is: ``thing`` is its name. Who knows adds it."""

    def __init__(self, message: str, *, hint: str | None = None, thing: str = "") -> None:
        super().__init__(message, hint=hint)
        self.thing = thing

    def of(self, plugin: object) -> PluginError:
        """The same with the plugin that provides it."""
        return PluginError(f"{plugin}: {self.message}", hint=self.hint)


class CheckpointError(ReldistillError):
    """A saved model or training state that is incomplete or does not fit. Exit code 5."""

    exit_code = 5


class Stopped(KeyboardInterrupt):
    """Somebody asked the run to stop, ``by`` a signal or otherwise; the same call goes on from there.

    Exit code 75, after Ctrl-C 130. No :class:`ReldistillError`: nothing went wrong. Like its base it passes through code
    that catches every ``Exception``. ``saved_step``: where the run goes on, None where nothing had been trained.
    ``kept``: what stays of work that has no steps, as a clause. ``resume_given``: the same call would go back to what its ``resume`` says.
    """

    exit_code = 75

    def __init__(self, by: str, exit_code: int = exit_code) -> None:
        super().__init__(f"stopped by {by}")
        self.by = by
        self.exit_code = exit_code
        self.saved_step: int | None = None
        self.kept: str | None = None
        self.resume_given = False


def _rebuild(kind: type[ReldistillError], message: str, hint: str | None) -> ReldistillError:
    return kind(message, hint=hint)


def as_one(problems: Sequence[UsageError]) -> UsageError:
    """One error that lists all of them, each with what to do about it."""
    if len(problems) == 1:
        return problems[0]
    listed = "\n".join("- " + str(problem).replace("\n", "\n  ") for problem in problems)
    return UsageError(f"{len(problems)} problems:\n{listed}")


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """The sentence that suggests the nearest of the allowed names; empty where none is near."""
    near = get_close_matches(name, list(allowed), n=1)
    return f"Did you mean {near[0]}?" if near else ""


def in_one_line(error: BaseException) -> str:
    """What another library's error says, on one line of at most 300 characters; its kind where it says nothing."""
    text = " ".join(str(error).split())
    return f"{text[:299]}…" if len(text) > 300 else text or type(error).__name__
