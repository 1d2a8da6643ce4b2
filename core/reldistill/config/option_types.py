"""What the type of an option allows: a value is checked against it, or read from text."""

from __future__ import annotations

import math
import tomllib
from dataclasses import fields
from functools import cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from reldistill.errors import UsageError

__all__ = [
    "Words", "alternatives", "checked", "flag", "from_text", "has_commas", "is_list", "item_type", "option_types", "shown",
]  # fmt: skip

Words = Annotated[tuple[str, ...], "commas"]
"""Words that stand in one text with commas between them, as lists of numbers do. An option of plain ``tuple[str, ...]`` is
given once for each item instead, which may hold a comma.
"""

_WORDS = {int: "an integer", float: "a number", bool: "true or false", str: "a text"}
_ITEMS = {int: "whole numbers", float: "numbers", str: "texts"}
_BRACKETS = {
    int: "Put it into brackets: [1, 2].",
    float: "Put it into brackets: [2e-5, 5e-5].",
    str: 'Put it into brackets: ["…"].',
}
_ONE_ITEM = 'Write one item as it is, or a list as TOML has it: ["a.txt", "b.txt"].'
_WITH_COMMAS = {int: "For example 1,2,3.", float: "For example 2e-5,5e-5.", str: "For example en,fr."}
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def flag(name: str) -> str:
    """``learning_rate`` as it stands on the command line: ``--learning-rate``."""
    return "--" + name.replace("_", "-")


@cache
def option_types(config_type: type) -> dict[str, Any]:
    """The type of each field of a configuration, in their order."""
    hints = get_type_hints(config_type, include_extras=True)
    return {field.name: hints[field.name] for field in fields(config_type)}


def alternatives(kind: Any) -> tuple[Any, ...]:
    """The types that ``kind`` consists of, without None: two for ``int | Literal["attention"] | None``."""
    members = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    return tuple(member for member in members if member is not NoneType)


def item_type(member: Any) -> Any:
    """The type of a list's items; None for a type that is no list."""
    bare = get_args(member)[0] if get_origin(member) is Annotated else member
    return get_args(bare)[0] if get_origin(bare) is tuple else None


def is_list(member: Any) -> bool:
    """Whether a value of this type is a list."""
    return item_type(member) is not None


def has_commas(member: Any) -> bool:
    """Whether it is a list that stands in one text, with commas between the items: ``2e-5,5e-5``."""
    return member == Words or item_type(member) in (int, float)


def shown(value: object) -> str:
    """A value as a person would write it on a command line, for messages."""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def checked(kind: Any, value: object, *, asked: str) -> Any:
    """``value`` as a field of type ``kind`` holds it: where a number is asked for, an integer becomes one; a list a tuple.

    Raises :class:`UsageError`, beginning with ``asked``, for a value of another type. Nothing else is converted.
    """
    if value is None and NoneType in get_args(kind):
        return None
    for member in alternatives(kind):
        if (fitting := _fitting(member, value)) is not None:
            return fitting
    lists = [member for member in alternatives(kind) if is_list(member)]
    if isinstance(value, list | tuple):
        raise _refused(kind, asked, ", not a list of other things" if lists else ", not a list")
    hint = _BRACKETS[item_type(lists[0])] if lists and not isinstance(value, dict) else None
    raise _refused(kind, asked, f", not {_in_words(value)}", hint)


def from_text(kind: Any, text: str, *, asked: str) -> Any:
    """The value of type ``kind`` that a text stands for: ``true``, ``1``, ``false`` or ``0`` for a truth value; for a list
    one item, or several as TOML writes them: ``["a.txt", "b.txt"]``. Numbers and :data:`Words` may also have commas between
    them alone: ``1,2``.

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
        return _fitting_list(item_type(member), value) if isinstance(value, list | tuple) else None
    if member is bool or isinstance(value, bool):
        return value if member is bool and isinstance(value, bool) else None
    if member is int:
        return int(value) if isinstance(value, Integral) else None
    if member is float:
        return _as_float(value) if isinstance(value, Real) else None
    return value if isinstance(value, member) else None


def _fitting_list(item: Any, values: list[Any] | tuple[Any, ...]) -> tuple[Any, ...] | None:
    fitting = tuple(_fitting(item, value) for value in values)
    return None if None in fitting else fitting


def _as_float(value: Real) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits, and out of every range
        return math.inf


def _from_text(member: Any, text: str, asked: str) -> Any:
    if is_list(member):
        if text.startswith("["):
            return _list_from_toml(member, text, asked)
        return _list_with_commas(member, text, asked) if has_commas(member) else (text,)
    if member is bool:
        return _TRUTH.get(text.lower())
    if member in (int, float):
        try:
            return member(text)
        except ValueError:
            return None
    return _fitting(member, text)


def _list_from_toml(member: Any, text: str, asked: str) -> tuple[Any, ...]:
    try:
        found = _fitting(member, tomllib.loads(f"list = {text}")["list"])
    except (ValueError, RecursionError):
        found = None
    if found is None:
        item = item_type(member)
        hint = _WITH_COMMAS[item] if has_commas(member) else _ONE_ITEM
        raise UsageError(f"{asked}: begins with [ and is no list of {_ITEMS[item]}", hint=hint)
    items: tuple[Any, ...] = found
    return items


def _list_with_commas(member: Any, text: str, asked: str) -> tuple[Any, ...]:
    item = item_type(member)
    items = tuple(_from_text(item, part.strip(), asked) for part in text.split(","))
    if None in items or "" in items:
        what = "words" if item is str else _ITEMS[item]
        raise UsageError(f"{asked}: must be {what}, with commas between them", hint=_WITH_COMMAS[item])
    return items


def _refused(kind: Any, asked: str, found: str, hint: str | None = None) -> UsageError:
    members = alternatives(kind)
    if all(get_origin(member) is Literal for member in members):
        return UsageError(
            f"{asked}: not a choice", hint=f"Allowed: {', '.join(w for m in members for w in get_args(m))}."
        )
    allowed = " or ".join(_allowed(member) for member in members)
    return UsageError(f"{asked}: must be {allowed}{found}", hint=hint)


def _allowed(member: Any) -> str:
    if get_origin(member) is Literal:
        return " or ".join(get_args(member))
    return f"a list of {_ITEMS[item_type(member)]}" if is_list(member) else _WORDS[member]


def _in_words(value: object) -> str:
    if value is None:
        return "nothing"
    for kind, words in ((bool, "a truth value"), (int, "an integer"), (float, "a fraction"), (str, "a text")):
        if isinstance(value, kind):
            return words
    return "a table" if isinstance(value, dict) else f"a {type(value).__name__}"
