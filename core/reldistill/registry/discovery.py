"""Which plugins are installed: read from the metadata of the distributions, nothing is imported."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, distributions

from reldistill.errors import PluginError
from reldistill.hookspecs import PROJECT

__all__ = ["COMMANDS", "RESTRICTION", "PluginSource", "canonical", "chosen_plugins", "installed_plugins"]

COMMANDS = f"{PROJECT}.commands"
"""The entry-point group of further commands: the entry's name is the command."""

RESTRICTION = "MINICTL_PLUGINS"
"""Environment variable: comma-separated plugins or distributions to load; empty loads the built-in ones alone."""


@dataclass(frozen=True)
class PluginSource:
    """One entry point of the group ``reldistill``, or of :data:`COMMANDS`. ``summary``: what its distribution says of itself."""

    name: str
    distribution: str
    version: str
    entry_point: EntryPoint
    summary: str = ""

    @property
    def builtin(self) -> bool:
        """Whether it belongs to the toolkit itself."""
        return self.distribution == PROJECT

    @property
    def module(self) -> str:
        """The module that the entry point names."""
        # Not EntryPoint.module, which raises for a value that is no module's name.
        return re.split(r"[:\[]", self.entry_point.value, maxsplit=1)[0].strip()

    def __str__(self) -> str:
        kind = "command" if self.entry_point.group == COMMANDS else "plugin"
        return f"{kind} {self.name!r} of {self.distribution} {self.version}"


def installed_plugins(group: str = PROJECT) -> list[PluginSource]:
    """All plugins of an entry-point group, the built-in ones first, then by distribution and name."""
    found: dict[tuple[str, str], PluginSource] = {}
    for source in _sources(group):
        found.setdefault((source.distribution, source.name), source)  # the first on sys.path, as an import finds it
    return sorted(found.values(), key=lambda source: (not source.builtin, source.distribution, source.name))


def chosen_plugins(sources: list[PluginSource], restriction: str | None = None) -> list[PluginSource]:
    """The plugins to load: all, or the built-in ones and those that the restriction names.

    ``restriction`` defaults to the environment variable :data:`RESTRICTION`; None loads all.
    Raises :class:`PluginError` where it names a plugin that is not installed.
    """
    if restriction is None:
        restriction = os.environ.get(RESTRICTION)
    if restriction is None:
        return sources
    wanted = [word.strip() for word in restriction.split(",") if word.strip()]
    others = [source for source in sources if not source.builtin]
    for word in wanted:
        if not _named(word, others) and not _named(word, there := _of_others()):
            names = ", ".join(sorted({source.name for source in there})) or "none"
            raise PluginError(
                f"{RESTRICTION} names {word!r}, which is not installed",
                hint=f"Installed beside the built-in ones: {names}.",
            )
    return [s for s in sources if s.builtin or s.name in wanted or s.distribution in map(canonical, wanted)]


def _named(word: str, sources: list[PluginSource]) -> bool:
    return any(word == source.name or canonical(word) == source.distribution for source in sources)


def _of_others() -> list[PluginSource]:
    """Of both groups: the restriction is one for plugins and commands."""
    return [s for group in (PROJECT, COMMANDS) for s in installed_plugins(group) if not s.builtin]


def _sources(group: str) -> Iterator[PluginSource]:
    for distribution in distributions():
        try:
            points = distribution.entry_points.select(group=group)
        except Exception:  # entry_points() of importlib would fail for all, because of one damaged file
            continue
        for point in points:
            about = distribution.metadata
            name = canonical(about["Name"] or "unknown")
            yield PluginSource(point.name, name, about["Version"] or "?", point, (about["Summary"] or "").strip())


def canonical(distribution: str) -> str:
    """The name of a distribution as the packaging standards normalise it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()
