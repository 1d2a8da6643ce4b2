"""A configuration from all its sources, each value with where it comes from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from reldistill.config.config_file import read_config_file
from reldistill.config.config_kind import DISTILL, ConfigKind
from reldistill.config.distill_config import DistillConfig
from reldistill.config.environment import read_environment
from reldistill.config.option_types import checked, flag, shown
from reldistill.config.presets import preset_named
from reldistill.config.setting import Setting, setting
from reldistill.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["ResolvedConfig", "resolve_config"]

Config = TypeVar("Config", bound="DataclassInstance")


@dataclass(frozen=True)
class ResolvedConfig(Generic[Config]):
    """All options in the order of the fields. ``config_file`` and ``preset`` are those that were chosen, if any."""

    kind: ConfigKind[Config]
    settings: Mapping[str, Setting]
    config_file: Setting | None
    preset: Setting | None

    @property
    def config(self) -> Config:
        """The configuration. Raises :class:`UsageError` where no source gives what it cannot be without: a teacher."""
        return self.kind.config_type(**{name: setting.value for name, setting in self.settings.items()})


@overload
def resolve_config(flags: Mapping[str, Any], environment: Mapping[str, str] = ...) -> ResolvedConfig[DistillConfig]: ...


@overload
def resolve_config(
    flags: Mapping[str, Any], environment: Mapping[str, str] = ..., *, kind: ConfigKind[Config]
) -> ResolvedConfig[Config]: ...


def resolve_config(
    flags: Mapping[str, Any], environment: Mapping[str, str] = os.environ, *, kind: ConfigKind[Any] = DISTILL
) -> ResolvedConfig[Any]:
    """Flag over environment over file over preset over default.

    Args:
        flags: options that were given, by the names of the fields of the configuration; ``config`` is the path of a
            TOML file, ``preset`` the name of a preset. What was not given must not be in it.
        environment: ``MINICTL_LEARNING_RATE`` and its like, ``MINICTL_CONFIG`` and ``MINICTL_PRESET`` among them.
        kind: of which command the options are: ``DISTILL`` or ``EVAL``.

    Raises:
        UsageError: some source has an unknown name, a value of the wrong type or one out of its range.
    """
    given = read_environment(environment, kind) | _read_flags(flags, kind)
    config_file = given.pop("config", None)
    given = (read_config_file(config_file.value, kind) if config_file else {}) | given
    named = given.pop("preset", None)
    preset = _of_preset(named.value, kind) if named else {}
    return ResolvedConfig(kind, _defaults(kind) | preset | given, config_file, named)


def _defaults(kind: ConfigKind[Any]) -> dict[str, Setting]:
    return {field.name: Setting(field.default, "default") for field in fields(kind.config_type)}


def _of_preset(name: str, kind: ConfigKind[Any]) -> dict[str, Setting]:
    preset = preset_named(kind.presets, name)
    return {option: Setting(v.value, f"preset {name}") for option, v in preset.values.items()}


def _read_flags(flags: Mapping[str, Any], kind: ConfigKind[Any]) -> dict[str, Setting]:
    known = (*kind.types, *kind.selectors)
    settings = {}
    for name, value in flags.items():
        if name not in known:
            raise UsageError(f"{flag(name)} is no option", hint=did_you_mean(name, known) or None)
        fitting = checked(kind.type_of(name), value, asked=f"{flag(name)} {shown(value)}")
        settings[name] = setting(kind, name, fitting, origin=f"flag {flag(name)}")
    return settings
