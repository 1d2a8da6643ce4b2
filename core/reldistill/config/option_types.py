"""What the type of an option allows: a value is checked against it, or read from text."""

from __future__ import annotations

import math
import tomllib
from dataclasses import fields
from functools import cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from reldistill.errors import UsageError

__all__ = ["alternatives", "checked", "flag", "from_text", "is_list", "option_types"]

_WORDS = {int: "an integer", float: "a number", bool: "true or false", str: "a text"}
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def flag(name: str) -> str:
    """``learning_rate`` as it stands on the command line: ``--learning-rate``."""
    return "--" + name.replace("_", "-")


@cache
def option_types(config_type: type) -> dict[str, Any]:
    """The type of each field of a configuration, in their order."""
    hints = get_type_hints(config_type)
    return {field.name: hints[field.name] for field in fields(config_type)}


def alternatives(kind: Any) -> tuple[Any, ...]:
    """The types that ``kind`` consists of, without None: two for ``int | Literal["attention"] | None``."""
    members = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    return tuple(member for member in members if member is not NoneType)


def is_list(kind: Any) -> bool:
    """Whether an option of this type can be given several times."""
    return get_origin(kind) is tuple


def checked(kind: Any, value: object, *, asked: str) -> Any:
    """``value`` as a field of type ``kind`` holds it: where a number is asked for, an integer becomes one; a list a tuple.

    Raises :class:`UsageError`, beginning with ``asked``, for a value of another type. Nothing else is converted.
    """
    if value is None and NoneType in get_args(kind):
        return None
    for member in alternatives(kind):
        if (fitting := _fitting(member, value)) is not None:
            return fitting
    raise _refused(kind, asked, f", not {_in_words(value)}")


def from_text(kind: Any, text: str, *, asked: str) -> Any:
    """The value of type ``kind`` that a text stands for: ``true``, ``1``, ``false`` or ``0`` for a truth value; for a list
    one item, or several as TOML writes them: ``["a.txt", "b.txt"]``.

    Raises :class:`UsageError`, beginning with ``asked``, where it stands for none.
    """
    for member in alternatives(kind):
        if (value := _from_text(member, text, asked)) is not None:
            return value
    raise _refused(kind, asked, "")


def _fitting(member: Any, value: object) -> Any:
    """None where the value is of another type."""
    if get_origin(member) is Literal:
        return value if isinstance(value, str) and value in get_args(member) else None
    if is_list(member):
        return tuple(value) if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value) else None
    if member is bool or isinstance(value, bool):
        return value if member is bool and isinstance(value, bool) else None
    if member is int:
        return int(value) if isinstance(value, Integral) else None
    if member is float:
        return _as_float(value) if isinstance(value, Real) else None
    return value if isinstance(value, member) else None


def _as_float(value: Real) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits, and out of every range
        return math.inf


def _from_text(member: Any, text: str, asked: str) -> Any:
    if is_list(member):
        return _list_from_text(text, asked) if text.startswith("[") else (text,)
    if member is bool:
        return _TRUTH.get(text.lower())
    if member in (int, float):
        try:
            return member(text)
        except ValueError:
            return None
    return _fitting(member, text)


def _list_from_text(text: str, asked: str) -> tuple[str, ...]:
    try:
        found = _fitting(tuple[str, ...], tomllib.loads(f"list = {text}")["list"])
    except (ValueError, RecursionError):
        found = None
    if found is None:
        raise UsageError(
            f"{asked}: begins with [ and is no list of texts",
            hint='Write one item as it is, or a list as TOML has it: ["a.txt", "b.txt"].',
        )
    items: tuple[str, ...] = found
    return items


def _refused(kind: Any, asked: str, found: str) -> UsageError:
    members = alternatives(kind)
    if all(get_origin(member) is Literal for member in members):
        return UsageError(
            f"{asked}: not a choice", hint=f"Allowed: {', '.join(w for m in members for w in get_args(m))}."
        )
    allowed = " or ".join(_allowed(member) for member in members)
    hint = 'Put it into brackets: ["…"].' if found == ", not a text" and is_list(members[0]) else None
    return UsageError(f"{asked}: must be {allowed}{found}", hint=hint)


def _allowed(member: Any) -> str:
    if get_origin(member) is Literal:
        return " or ".join(get_args(member))
    return "a list of texts" if is_list(member) else _WORDS[member]


def _in_words(value: object) -> str:
    if value is None:
        return "nothing"
    for kind, words in ((bool, "a truth value"), (int, "an integer"), (float, "a fraction"), (str, "a text")):
        if isinstance(value, kind):
            return words
    if isinstance(value, list | tuple):
        return "a list" if all(isinstance(item, str) for item in value) else "a list of other things"
    return "a table" if isinstance(value, dict) else f"a {type(value).__name__}"
