"""The file of options as a JSON Schema, for editors and for programs that write such files."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Literal, get_args, get_origin

from reldistill.config.config_kind import DISTILL, ConfigKind
from reldistill.config.option_types import alternatives, is_list, item_type

__all__ = ["config_schema"]

_TYPES = {int: "integer", float: "number", bool: "boolean", str: "string"}


def config_schema(kind: ConfigKind[Any] = DISTILL) -> dict[str, Any]:
    """JSON Schema (2020-12): each key with type, choices, help and default, unless it is left open to depend on others."""
    properties: dict[str, Any] = {}
    if kind.presets:
        properties["preset"] = {
            "description": "A named set of options, below those of this file.",
            "type": "string",
            "enum": list(kind.presets),
        }
    for field in fields(kind.config_type):
        allowed = [_schema(member) for member in alternatives(kind.types[field.name])]
        properties[field.name] = {
            "description": field.metadata["help"],
            **(allowed[0] if len(allowed) == 1 else {"anyOf": allowed}),
            **({} if field.default in (None, "") else {"default": _plain(field.default)}),
        }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Options of minictl {kind.command}",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def _schema(member: Any) -> dict[str, Any]:
    if get_origin(member) is Literal:
        return {"type": "string", "enum": list(get_args(member))}
    if is_list(member):
        return {"type": "array", "items": _schema(item_type(member))}
    return {"type": _TYPES[member]}


def _plain(default: object) -> object:
    return list(default) if isinstance(default, tuple) else default
