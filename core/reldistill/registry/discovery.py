"""Which plugins are installed: read from the metadata of the distributions, nothing is imported."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, distributions

from reldistill.errors import PluginError
from reldistill.hookspecs import PROJECT

__all__ = ["RESTRICTION", "PluginSource", "chosen_plugins", "installed_plugins"]

RESTRICTION = "MINICTL_PLUGINS"
"""Environment variable: comma-separated plugins or distributions to load; empty loads the built-in ones alone."""


@dataclass(frozen=True)
class PluginSource:
    """One entry point of the group ``reldistill``."""

    name: str
    distribution: str
    version: str
    entry_point: EntryPoint

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
        return f"plugin {self.name!r} of {self.distribution} {self.version}"


def installed_plugins() -> list[PluginSource]:
    """All plugins, the built-in ones first, then by distribution and name."""
    found: dict[tuple[str, str], PluginSource] = {}
    for source in _sources():
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
        if not any(word == source.name or canonical(word) == source.distribution for source in others):
            names = ", ".join(sorted({source.name for source in others})) or "none"
            raise PluginError(
                f"{RESTRICTION} names {word!r}, which is not installed",
                hint=f"Installed beside the built-in ones: {names}.",
            )
    return [s for s in sources if s.builtin or s.name in wanted or s.distribution in map(canonical, wanted)]


def _sources() -> Iterator[PluginSource]:
    for distribution in distributions():
        try:
            points = distribution.entry_points.select(group=PROJECT)
        except Exception:  # entry_points() of importlib would fail for all, because of one damaged file
            continue
        for point in points:
            name = canonical(distribution.metadata["Name"] or "unknown")
            yield PluginSource(point.name, name, distribution.metadata["Version"] or "?", point)


def canonical(distribution: str) -> str:
    """The name of a distribution as the packaging standards normalise it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()
