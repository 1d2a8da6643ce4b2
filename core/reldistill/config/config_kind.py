"""The commands whose options are a configuration, each with what distinguishes its sources from the others'."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from reldistill.config.distill_config import DistillConfig
from reldistill.config.eval_config import EvalConfig
from reldistill.config.option_types import option_types
from reldistill.config.presets import PRESETS, Preset

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["DISTILL", "EVAL", "KINDS", "ConfigKind", "kind_with", "namesake"]

Config = TypeVar("Config", bound="DataclassInstance")


@dataclass(frozen=True, eq=False)
class ConfigKind(Generic[Config]):
    """The options of one command: a dataclass whose fields are made by :func:`~reldistill.config.option.option`."""

    command: str
    """Word behind ``minictl``."""
    config_type: type[Config]
    prefix: str
    """What its environment variables begin with."""
    example: str
    """An option, to show how one is named."""
    presets: Mapping[str, Preset] = field(default_factory=dict)
    """By name. Where there are none, nothing reads ``preset`` either."""
    least: Mapping[str, Any] = field(default_factory=dict)
    """Options that a configuration cannot be without, to check another one for itself."""

    @property
    def types(self) -> dict[str, Any]:
        """The type of each option, in the order of the fields."""
        return option_types(self.config_type)

    @property
    def selectors(self) -> dict[str, Any]:
        """What stands beside the options in flags and environment, and chooses where other values come from."""
        return {"config": str, "preset": str} if self.presets else {"config": str}

    @property
    def keys(self) -> tuple[str, ...]:
        """What may stand in a file."""
        return (*self.types, "preset") if self.presets else tuple(self.types)

    @property
    def variables(self) -> dict[str, str]:
        """Environment variable -> option or selector."""
        return {self.prefix + name.upper(): name for name in (*self.types, *self.selectors)}

    def type_of(self, name: str) -> Any:
        """The type of an option, or of a selector."""
        return self.selectors.get(name) or self.types[name]


DISTILL = ConfigKind("distill", DistillConfig, "MINICTL_", "learning_rate", PRESETS, least={"teacher": "any"})

EVAL = ConfigKind("eval", EvalConfig, "MINICTL_EVAL_", "learning_rates")

KINDS: Mapping[str, ConfigKind[Any]] = {kind.command: kind for kind in (DISTILL, EVAL)}
"""All, by command."""


def namesake(key: str, kind: ConfigKind[Any]) -> str | None:
    """The option of this kind that is the same word in the other number: ``seeds`` for ``seed``."""
    return next((name for name in kind.types if name != key and name.rstrip("s") == key.rstrip("s")), None)


def kind_with(key: str, *, beside: ConfigKind[Any]) -> ConfigKind[Any] | None:
    """Another command that has an option of this name, which this one has not."""
    others = [kind for kind in KINDS.values() if key in kind.keys and key not in beside.keys]
    return others[0] if others else None
