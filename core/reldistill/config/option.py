"""A field of a configuration, and what every configuration holds its values to."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from reldistill.config.option_types import checked, flag, option_types, shown
from reldistill.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["at_least", "hold_to_types", "not_empty", "option"]


def option(
    help: str, default: Any, *, alters_result: bool = True, panel: str = "Training", this_time: bool = False
) -> Any:
    """A field of a configuration: its help, the group it is shown in, and whether it changes what comes out.

    ``this_time``: an order for one call, which is not kept in the run folder's config.toml.
    """
    metadata = {"help": help, "alters_result": alters_result, "panel": panel, "this_time": this_time}
    return field(default=default, metadata=metadata)


def hold_to_types(config: DataclassInstance) -> None:
    """Let each field have its value as its type holds it. Raises :class:`UsageError` for a value of another type."""
    for name, kind in option_types(type(config)).items():
        value = getattr(config, name)
        object.__setattr__(config, name, checked(kind, value, asked=f"{flag(name)} {shown(value)}"))


def at_least(name: str, value: float, least: int) -> None:
    """Raises :class:`UsageError` for a number below ``least``, one without end, and what is no number."""
    if not value >= least or value == float("inf"):
        raise UsageError(f"{flag(name)} {value}: must be at least {least}")


def not_empty(name: str, value: str | None, hint: str) -> None:
    """Raises :class:`UsageError` for a text without a character."""
    if value == "":
        raise UsageError(f"{flag(name)} is empty", hint=hint)
