"""Things that plugins provide, by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Generic, TypeVar

from reldistill.errors import PluginError, ReldistillError, UsageError
from reldistill.registry.discovery import PluginSource, canonical
from reldistill.registry.guarded import Guarded

__all__ = ["Catalogue", "Provided", "not_provided"]

T = TypeVar("T")


@dataclass(frozen=True)
class Provided(Generic[T]):
    """A thing and the plugin it comes from."""

    name: str
    thing: T
    source: PluginSource

    def guarded(self, kind: str) -> T:
        """The thing as it is to be used: what goes wrong in it is its plugin's, see :class:`Guarded`."""
        guarded: Any = self.thing if self.source.builtin else Guarded(self.thing, kind, self.source)
        found: T = guarded
        return found


@dataclass
class Catalogue(Generic[T]):
    """All things of one kind. ``kind`` is the word for it in messages, for example ``relation``."""

    kind: str
    failures: Sequence[object] = ()
    """Plugins that failed to load: what is missing may have been theirs."""
    _provided: list[Provided[T]] = field(default_factory=list)

    def add(self, provided: Provided[T]) -> None:
        """Add one thing; equal names are settled when somebody asks."""
        self._provided.append(provided)

    def __iter__(self) -> Iterator[Provided[T]]:
        return iter(self._provided)

    def names(self) -> list[str]:
        """The names there are, each once, in the order of the plugins."""
        return list(dict.fromkeys(provided.name for provided in self._provided))

    def get(self, name: str, *, beside: Sequence[str] = ()) -> Provided[T]:
        """The thing of this name, or of ``distribution:name``. ``beside``: what else could have been meant, for the error.

        Raises:
            PluginError: two plugins provide it, or none does and some plugin failed to load.
            UsageError: no plugin provides it.
        """
        distribution, _, plain = name.rpartition(":")
        found = [
            p
            for p in self._provided
            if p.name == plain and (not distribution or p.source.distribution == canonical(distribution))
        ]
        if not distribution and (builtin := [p for p in found if p.source.builtin]):
            found = builtin
        if not found:
            raise self._unknown(name, beside)
        if len(found) > 1:
            choices = " or ".join(f"{p.source.distribution}:{p.name}" for p in found)
            owners = " and ".join(str(p.source) for p in found)
            raise PluginError(f"the {self.kind} {plain!r} is provided by {owners}", hint=f"Say which: {choices}.")
        return found[0]

    def _unknown(self, name: str, beside: Sequence[str]) -> ReldistillError:
        allowed = [*self.names(), *beside]
        near = get_close_matches(name, allowed, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        hint += f"Allowed: {', '.join(allowed) or 'none is installed'}."
        return not_provided(f"unknown {self.kind} {name!r}", hint, self.failures)


def not_provided(message: str, hint: str, failures: Sequence[object]) -> ReldistillError:
    """The error for something that no plugin provides: exit code 4 where it may be in one that failed to load, else 2."""
    if not failures:
        return UsageError(message, hint=hint)
    reasons = "\n".join(f"  {failure}" for failure in failures)
    return PluginError(f"{message}; some plugins failed to load, it may be theirs:\n{reasons}", hint=hint)
