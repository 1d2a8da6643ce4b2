"""One value of a configuration, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reldistill.config.distill_config import DistillConfig
from reldistill.config.option_types import option_types
from reldistill.config.presets import preset_named
from reldistill.errors import UsageError

__all__ = ["SELECTORS", "Setting", "kind_of", "setting"]

SELECTORS = {"config": str, "preset": str}
"""What stands beside the options in flags and environment, and chooses where other values come from."""


@dataclass(frozen=True)
class Setting:
    """A value that an option can have, and where it comes from: ``flag --steps``, ``environment MINICTL_STEPS``, the path of
    a file, ``preset minilmv2-base`` or ``default``.
    """

    value: Any
    origin: str


def kind_of(name: str) -> Any:
    """The type of an option, or of a selector."""
    return SELECTORS.get(name) or option_types(DistillConfig)[name]


def setting(name: str, value: Any, *, origin: str, place: str = "") -> Setting:
    """A setting of the right type, checked for itself, whatever the others are.

    Raises :class:`UsageError`, beginning with ``place``, where no configuration can have this value.
    """
    options: dict[str, Any] = {"teacher": "any", name: value}
    try:
        if name == "preset":
            preset_named(value)
        elif name not in SELECTORS:
            DistillConfig(**options)
    except UsageError as error:
        raise UsageError(f"{place}: {error.message}" if place else error.message, hint=error.hint) from None
    return Setting(value, origin)
