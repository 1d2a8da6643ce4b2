"""Values for any option, made from its type alone, so that an option that is added is tested without a word about it."""

from __future__ import annotations

import json
from typing import Any, Literal, get_args, get_origin

from reldistill.config import DistillConfig, flag, option_types
from reldistill.config.option_types import alternatives, is_list

TYPES = option_types(DistillConfig)
NAMES = tuple(TYPES)

# Texts that are a mixing too.
_SAMPLES: dict[type, tuple[Any, ...]] = {
    int: (5, 6, 7, 8), float: (0.125, 0.25, 0.5, 0.75), bool: (True, False, True, False), str: ("0.125", "0.25", "0.5", "2,1"),
}  # fmt: skip


def four_values(name: str) -> list[Any]:
    """Four values of an option, of which two neighbours differ; of an option of several types, of each of them."""
    members = [_members(member) for member in alternatives(TYPES[name])]
    return [members[i % len(members)][i % len(members[i % len(members)])] for i in range(4)]


def as_arguments(name: str, value: Any) -> list[str]:
    """The option on a command line."""
    if isinstance(value, bool):
        return [flag(name) if value else f"--no-{flag(name)[2:]}"]
    values = value if isinstance(value, tuple) else (value,)
    return [word for each in values for word in (flag(name), str(each))]


def as_text(value: Any) -> str:
    """The option in an environment variable."""
    return json.dumps(value) if isinstance(value, tuple | bool) else str(value)


def _members(member: Any) -> tuple[Any, ...]:
    if get_origin(member) is Literal:
        return get_args(member)
    return (("a",), ("b", "c:d"), ("e",), ("f f", 'g"')) if is_list(member) else _SAMPLES[member]
