"""Options from environment variables: ``MINICTL_`` and the option's name in capitals."""

from __future__ import annotations

from collections.abc import Mapping

from reldistill.config.distill_config import DistillConfig
from reldistill.config.option_types import from_text, option_types
from reldistill.config.setting import SELECTORS, Setting, kind_of, setting
from reldistill.errors import UsageError, as_one, did_you_mean
from reldistill.registry.discovery import RESTRICTION

__all__ = ["PROGRAM_VARIABLES", "read_environment"]

PREFIX = "MINICTL_"

PROGRAM_VARIABLES = frozenset({RESTRICTION})
"""Variables with the same prefix that are read elsewhere and are no options."""


def read_environment(environment: Mapping[str, str]) -> dict[str, Setting]:
    """The settings in an environment, ``config`` and ``preset`` among them. An empty variable counts as one that is not set.

    Raises :class:`UsageError` with all problems at once: unknown variables, wrong types, values out of range.
    """
    variables = {PREFIX + name.upper(): name for name in (*option_types(DistillConfig), *SELECTORS)}
    settings: dict[str, Setting] = {}
    problems: list[UsageError] = []
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or variable in PROGRAM_VARIABLES or not environment[variable]:
            continue
        try:
            if variable not in variables:
                raise _unknown(variable, [*variables, *PROGRAM_VARIABLES])
            name, text = variables[variable], environment[variable]
            value = from_text(kind_of(name), text, asked=f"{variable}={text}")
            origin = f"environment {variable}"
            settings[name] = setting(name, value, origin=origin, place=origin)
        except UsageError as problem:
            problems.append(problem)
    if problems:
        raise as_one(problems)
    return settings


def _unknown(variable: str, known: list[str]) -> UsageError:
    hint = f"{did_you_mean(variable, known)} Options are {PREFIX} and a name in capitals, as {PREFIX}LEARNING_RATE."
    return UsageError(f"the environment has {variable}, which is no option", hint=hint.lstrip())
