"""One value of a configuration, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reldistill.config.config_kind import ConfigKind
from reldistill.config.presets import preset_named
from reldistill.errors import UsageError

__all__ = ["Setting", "setting"]


@dataclass(frozen=True)
class Setting:
    """A value that an option can have, and where it comes from: ``flag --steps``, ``environment MINICTL_STEPS``, the path of
    a file, ``preset minilmv2-base`` or ``default``.
    """

    value: Any
    origin: str


def setting(kind: ConfigKind[Any], name: str, value: Any, *, origin: str, place: str = "") -> Setting:
    """A setting of the right type, checked for itself, whatever the others are.

    Raises :class:`UsageError`, beginning with ``place``, where no configuration can have this value.
    """
    options: dict[str, Any] = {**kind.least, name: value}
    try:
        if name == "preset":
            preset_named(kind.presets, value)
        elif name not in kind.selectors:
            kind.config_type(**options)
    except UsageError as error:
        raise UsageError(f"{place}: {error.message}" if place else error.message, hint=error.hint) from None
    return Setting(value, origin)
