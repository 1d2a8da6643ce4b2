"""The checks of installed plugins, found by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reldistill.errors import UsageError, did_you_mean
from reldistill.registry.discovery import PluginSource, canonical, chosen_plugins, installed_plugins

if TYPE_CHECKING:
    from reldistill.testing.check import Check

__all__ = ["installed_checks", "named_plugins"]


def named_plugins(names: Sequence[str], *, builtin: bool = False) -> list[PluginSource]:
    """The plugins that a name of theirs or of their distribution chooses, in this order, each once.

    Without names those that a run would load (``MINICTL_PLUGINS``), the built-in ones left out; with ``builtin`` these too.

    Raises :class:`UsageError` for a name that nothing has.
    """
    installed = installed_plugins()
    found: dict[PluginSource, None] = {}
    for name in names:
        chosen = [s for s in installed if name == s.name or canonical(name) == s.distribution]
        if not chosen:
            known = sorted({word for s in installed for word in (s.name, s.distribution)})
            raise UsageError(
                f"no installed plugin or distribution is called {name!r}",
                hint=f"{did_you_mean(name, known)} Installed: {', '.join(known)}.".strip(),
            )
        found.update(dict.fromkeys(chosen))
    if not names:
        found.update(dict.fromkeys(s for s in chosen_plugins(installed) if not s.builtin))
    if builtin:
        found.update(dict.fromkeys(s for s in installed if s.builtin))
    return list(found)


def installed_checks(
    plugins: Sequence[PluginSource], *, data_dir: str | Path | None = None, golden: str | Path | None = None
) -> Iterator[Check]:
    """The checks of each plugin, which is imported when its first check is asked for."""
    from reldistill.testing.plugin import checks_of

    for source in plugins:
        yield from checks_of(source, data_dir=data_dir, golden=golden)
