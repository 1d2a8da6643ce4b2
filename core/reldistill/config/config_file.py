"""A TOML file of options: all keys at the top level, named as the fields of the configuration, and ``preset`` where there are some."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import tomli_w

from reldistill.config.config_kind import DISTILL, ConfigKind, kind_with, namesake
from reldistill.config.option_types import checked
from reldistill.config.setting import Setting, setting
from reldistill.errors import UsageError, as_one, did_you_mean, in_one_line
from reldistill.local_path import local_path

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["config_file_problems", "config_toml", "read_config_file"]

_PLACE = re.compile(r" \(at (line (?P<line>\d+), column \d+|end of document)\)$")


def read_config_file(path: str, kind: ConfigKind[Any] = DISTILL) -> dict[str, Setting]:
    """The settings in a file, ``preset`` among them. Relative paths in it are left as they are: they start, as flags do,
    from the current folder.

    Raises :class:`UsageError` with all problems at once: unknown keys, wrong types, values out of range, what is no TOML.
    """
    settings, problems = _read(path, kind)
    if problems:
        raise as_one(problems)
    return settings


def config_file_problems(path: str, kind: ConfigKind[Any] = DISTILL) -> list[UsageError]:
    """All that is wrong with a file; empty where the command can be told by it."""
    return _read(path, kind)[1]


def config_toml(config: DataclassInstance) -> str:
    """The text of a file that gives this configuration again; what was ordered for one call is left out."""
    kept = [field.name for field in fields(config) if not field.metadata["this_time"]]
    return tomli_w.dumps({name: value for name in kept if (value := getattr(config, name)) is not None})


def _read(path: str, kind: ConfigKind[Any]) -> tuple[dict[str, Setting], list[UsageError]]:
    settings: dict[str, Setting] = {}
    problems: list[UsageError] = []
    try:
        values = _parse(path)
    except UsageError as problem:
        return settings, [problem]
    of_others: dict[str, list[str]] = {}
    for key, value in values.items():
        if (other := kind_with(key, beside=kind)) is not None:
            of_others.setdefault(other.command, []).append(key)
            continue
        try:
            settings[key] = _setting(path, key, value, kind)
        except UsageError as problem:
            problems.append(problem)
    return settings, [*(_of_another(path, keys, command, kind) for command, keys in of_others.items()), *problems]


def _of_another(path: str, keys: list[str], command: str, kind: ConfigKind[Any]) -> UsageError:
    """One problem, also where a whole file was written for another command."""
    few, several = len(keys) <= 3, len(keys) > 1
    named = ", ".join(map(repr, keys[:3])) + ("" if few else f" and {len(keys) - 3} more")
    near = [f"Did you mean {name}?" for key in keys if few and (name := namesake(key, kind))]
    belong = f"{'They are options' if several else 'It is an option'} of `minictl {command}`."
    return UsageError(
        f"{path}: unknown key{'s' if several else ''} {named}", hint=" ".join((*near, belong, _all_keys(kind)))
    )


def _all_keys(kind: ConfigKind[Any]) -> str:
    command = "" if kind is DISTILL else f" --command {kind.command}"
    return f"`minictl config schema{command}` lists all keys."


def _parse(path: str) -> dict[str, Any]:
    file = local_path(path)
    if file.is_dir():
        inside = file / "config.toml"
        hint = f"Did you mean {inside}?" if inside.is_file() else None
        raise UsageError(f"{path} is a folder, not a TOML file", hint=hint)
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"{path}: there is no such file", hint="Give a TOML file of options.") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UsageError(f"{path}, line {line}: not UTF-8, and so no TOML") from error
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise _not_toml(path, text, in_one_line(error)) from error


def _not_toml(path: str, text: str, said: str) -> UsageError:
    place = _PLACE.search(said)
    if place is None:
        return UsageError(f"{path}: not TOML: {said}")
    line = place["line"] or str(text.rstrip("\n").count("\n") + 1)
    return UsageError(
        f"{path}, line {line}: not TOML: {said[: place.start()]}",
        hint='A line reads key = value; texts stand in quotes: device = "cpu".',
    )


def _setting(path: str, key: str, value: Any, kind: ConfigKind[Any]) -> Setting:
    if key not in kind.keys:
        tables = "Options stand at the top level, without tables." if isinstance(value, dict) else ""
        hint = (did_you_mean(key, kind.keys), tables, _all_keys(kind))
        raise UsageError(f"{path}: unknown key {key!r}", hint=" ".join(filter(None, hint)))
    fitting = checked(kind.type_of(key), value, asked=f"{path}: {_line(key, value)}")
    return setting(kind, key, fitting, origin=path, place=path)


def _line(key: str, value: Any) -> str:
    """What the file says of a key, on one line that is not too long."""
    if isinstance(value, dict):
        return f"[{key}]"
    line = " ".join(tomli_w.dumps({key: value}).split())
    return f"{line[:79]}…" if len(line) > 80 else line
