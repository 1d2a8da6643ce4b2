"""Values for any option, made from its type alone, so that an option that is added is tested without a word about it."""

from __future__ import annotations

import json
from typing import Any, Literal, get_args, get_origin

import pytest

from reldistill.config import DISTILL, KINDS, ConfigKind, flag
from reldistill.config.option_types import alternatives, has_commas, item_type

NAMES = tuple(DISTILL.types)

each_option = pytest.mark.parametrize(
    ("kind", "name"),
    [pytest.param(kind, name, id=f"{kind.command}-{name}") for kind in KINDS.values() for name in kind.types],
)
"""A test of each option of each command."""

# Texts that are a mixing too; numbers that are a learning rate.
_SAMPLES: dict[type, tuple[Any, ...]] = {
    int: (5, 6, 7, 8), float: (0.125, 0.25, 0.5, 0.75), bool: (True, False, True, False), str: ("0.125", "0.25", "0.5", "2,1"),
}  # fmt: skip
_LISTS: dict[type, tuple[tuple[Any, ...], ...]] = {
    int: ((5,), (6, 7), (0,), (8, 5)), float: ((0.125,), (0.25, 2e-5), (0.5,), (0.75, 0.125)),
    str: (("a",), ("b", "c-d"), ("e",), ("f", "g")),
}  # fmt: skip
_REPEATED = (("a",), ("b", "c:d"), ("e",), ("f f", 'g"'))


def four_values(kind: ConfigKind[Any], name: str) -> list[Any]:
    """Four values of an option; two neighbours differ if it can have two. Of an option of several types, of each of them."""
    members = [_members(member) for member in alternatives(kind.types[name])]
    return [members[i % len(members)][i % len(members[i % len(members)])] for i in range(4)]


def as_arguments(kind: ConfigKind[Any], name: str, value: Any) -> list[str]:
    """The option on a command line."""
    if isinstance(value, bool):
        return [flag(name) if value else f"--no-{flag(name)[2:]}"]
    repeated = isinstance(value, tuple) and not _with_commas(kind, name)
    return [word for text in (value if repeated else (as_text(kind, name, value),)) for word in (flag(name), text)]


def as_text(kind: ConfigKind[Any], name: str, value: Any) -> str:
    """The option in an environment variable."""
    if isinstance(value, tuple) and _with_commas(kind, name):
        return ",".join(map(str, value))
    return json.dumps(value) if isinstance(value, tuple | bool) else str(value)


def _with_commas(kind: ConfigKind[Any], name: str) -> bool:
    return has_commas(alternatives(kind.types[name])[0])


def _members(member: Any) -> tuple[Any, ...]:
    if get_origin(member) is Literal:
        return get_args(member)
    if (item := item_type(member)) is not None:
        return _LISTS[item] if has_commas(member) else _REPEATED
    return _SAMPLES[member]
