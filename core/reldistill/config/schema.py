"""The file of options as a JSON Schema, for editors and for programs that write such files."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Literal, get_args, get_origin

from reldistill.config.distill_config import DistillConfig
from reldistill.config.option_types import alternatives, is_list, option_types
from reldistill.config.presets import PRESETS

__all__ = ["config_schema"]

_TYPES = {int: "integer", float: "number", bool: "boolean", str: "string"}


def config_schema() -> dict[str, Any]:
    """JSON Schema (2020-12): each key with type, choices, help and, unless it depends on teacher and student, default."""
    types = option_types(DistillConfig)
    properties: dict[str, Any] = {
        "preset": {
            "description": "A named set of options, below those of this file.",
            "type": "string",
            "enum": list(PRESETS),
        }
    }
    for field in fields(DistillConfig):
        kinds = [_schema(member) for member in alternatives(types[field.name])]
        properties[field.name] = {
            "description": field.metadata["help"],
            **(kinds[0] if len(kinds) == 1 else {"anyOf": kinds}),
            **({} if field.default in (None, "") else {"default": _plain(field.default)}),
        }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Options of minictl distill",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def _schema(member: Any) -> dict[str, Any]:
    if get_origin(member) is Literal:
        return {"type": "string", "enum": list(get_args(member))}
    if is_list(member):
        return {"type": "array", "items": {"type": "string"}}
    return {"type": _TYPES[member]}


def _plain(default: object) -> object:
    return list(default) if isinstance(default, tuple) else default
