"""The configuration of a distillation from all its sources, each value with where it comes from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from reldistill.config.config_file import read_config_file
from reldistill.config.distill_config import DistillConfig
from reldistill.config.environment import read_environment
from reldistill.config.option_types import checked, flag, option_types
from reldistill.config.presets import preset_named
from reldistill.config.setting import SELECTORS, Setting, kind_of, setting
from reldistill.errors import UsageError, did_you_mean

__all__ = ["ResolvedConfig", "resolve_config"]


@dataclass(frozen=True)
class ResolvedConfig:
    """All options in the order of the fields. ``config_file`` and ``preset`` are those that were chosen, if any."""

    settings: Mapping[str, Setting]
    config_file: Setting | None
    preset: Setting | None

    @property
    def config(self) -> DistillConfig:
        """The configuration. Raises :class:`UsageError` where no source names a teacher."""
        return DistillConfig(**{name: setting.value for name, setting in self.settings.items()})


def resolve_config(flags: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> ResolvedConfig:
    """Flag over environment over file over preset over default.

    Args:
        flags: options that were given, by the names of the fields of :class:`DistillConfig`; ``config`` is the path of a
            TOML file, ``preset`` the name of a preset. What was not given must not be in it.
        environment: ``MINICTL_LEARNING_RATE`` and its like, ``MINICTL_CONFIG`` and ``MINICTL_PRESET`` among them.

    Raises:
        UsageError: some source has an unknown name, a value of the wrong type or one out of its range.
    """
    given = read_environment(environment) | _read_flags(flags)
    config_file = given.pop("config", None)
    given = (read_config_file(config_file.value) if config_file else {}) | given
    named = given.pop("preset", None)
    return ResolvedConfig(_defaults() | (_of_preset(named.value) if named else {}) | given, config_file, named)


def _defaults() -> dict[str, Setting]:
    return {field.name: Setting(field.default, "default") for field in fields(DistillConfig)}


def _of_preset(name: str) -> dict[str, Setting]:
    return {option: Setting(v.value, f"preset {name}") for option, v in preset_named(name).values.items()}


def _read_flags(flags: Mapping[str, Any]) -> dict[str, Setting]:
    known = (*option_types(DistillConfig), *SELECTORS)
    settings = {}
    for name, value in flags.items():
        if name not in known:
            raise UsageError(f"{flag(name)} is no option", hint=did_you_mean(name, known) or None)
        fitting = checked(kind_of(name), value, asked=f"{flag(name)} {value}")
        settings[name] = setting(name, fitting, origin=f"flag {flag(name)}")
    return settings
