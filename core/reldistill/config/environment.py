"""Options from environment variables: the command's prefix, ``MINICTL_`` or ``MINICTL_EVAL_``, and the name in capitals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reldistill.config.config_kind import DISTILL, KINDS, ConfigKind, kind_with, namesake
from reldistill.config.option_types import from_text
from reldistill.config.setting import Setting, setting
from reldistill.errors import UsageError, as_one, did_you_mean
from reldistill.registry.discovery import RESTRICTION

__all__ = ["PROGRAM_VARIABLES", "read_environment"]

PREFIX = "MINICTL_"
"""What the variables of all commands begin with."""

PROGRAM_VARIABLES = frozenset({RESTRICTION})
"""Variables with the same prefix that are read elsewhere and are no options."""


def read_environment(environment: Mapping[str, str], kind: ConfigKind[Any] = DISTILL) -> dict[str, Setting]:
    """The settings in an environment, ``config`` and ``preset`` among them. An empty variable counts as one that is not set,
    and those of other commands are left to them.

    Raises :class:`UsageError` with all problems at once: unknown variables, wrong types, values out of range.
    """
    others = {variable for other in KINDS.values() if other is not kind for variable in other.variables}
    variables = kind.variables
    settings: dict[str, Setting] = {}
    problems: list[UsageError] = []
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or not environment[variable] or variable in PROGRAM_VARIABLES | others:
            continue
        try:
            if variable not in variables:
                raise _unknown(variable, kind)
            name, text = variables[variable], environment[variable]
            value = from_text(kind.type_of(name), text, asked=f"{variable}={text}")
            origin = f"environment {variable}"
            settings[name] = setting(kind, name, value, origin=origin, place=origin)
        except UsageError as problem:
            problems.append(problem)
    if problems:
        raise as_one(problems)
    return settings


def _unknown(variable: str, asking: ConfigKind[Any]) -> UsageError:
    fitting = [kind for kind in KINDS.values() if variable.startswith(kind.prefix)]
    named = max(fitting, key=_length_of_prefix)
    name = variable.removeprefix(named.prefix).lower()
    if (other := kind_with(name, beside=named)) is not None:
        near = namesake(name, named) if other is not asking else None
        hint = f"Did you mean {named.prefix}{near.upper()}? " if near else ""
        hint += f"{name} is an option of `minictl {other.command}`: {other.prefix}{name.upper()}."
    else:
        known = [*PROGRAM_VARIABLES, *(known for kind in KINDS.values() for known in kind.variables)]
        kind = max(named, asking, key=_length_of_prefix)
        rule = f"Options are {kind.prefix} and a name in capitals, as {kind.prefix}{kind.example.upper()}."
        hint = f"{did_you_mean(variable, known)} {rule}".lstrip()
    return UsageError(f"the environment has {variable}, which is no option", hint=hint)


def _length_of_prefix(kind: ConfigKind[Any]) -> int:
    return len(kind.prefix)
