"""The JSON Schema says of each key what the reader of files holds it to."""

from __future__ import annotations

import json
from typing import Any

from option_values import NAMES, each_option, four_values
from reldistill.config import EVAL, PRESETS, ConfigKind, config_schema

PROPERTIES = config_schema()["properties"]
JSON_TYPES: dict[str, type] = {"string": str, "integer": int, "number": float, "boolean": bool, "array": list}


def allows(schema: dict[str, Any], value: Any) -> bool:
    """What a validator would say of the few words that are used."""
    if "anyOf" in schema:
        return any(allows(each, value) for each in schema["anyOf"])
    if type(value) is not JSON_TYPES[schema["type"]]:
        return False
    if isinstance(value, list):
        return all(allows(schema["items"], item) for item in value)
    return "enum" not in schema or value in schema["enum"]


def test_the_keys_are_the_options_and_the_preset() -> None:
    assert set(PROPERTIES) == {*NAMES, "preset"}
    assert config_schema()["additionalProperties"] is False
    assert PROPERTIES["preset"]["enum"] == list(PRESETS)


def test_where_there_are_no_presets_there_is_no_key_for_one() -> None:
    schema = config_schema(EVAL)
    assert tuple(schema["properties"]) == tuple(EVAL.types)
    assert schema["title"] == "Options of minictl eval"


@each_option
def test_each_key_has_its_help_its_type_and_its_default(kind: ConfigKind[Any], name: str) -> None:
    field, schema = kind.config_type.__dataclass_fields__[name], config_schema(kind)["properties"][name]
    assert schema["description"] == field.metadata["help"]
    for value in json.loads(json.dumps(four_values(kind, name))):
        assert allows(schema, value)
    assert not allows(schema, {})
    if field.default in (None, ""):
        assert "default" not in schema
    else:
        assert schema["default"] == json.loads(json.dumps(field.default))
        assert allows(schema, schema["default"])


def test_a_list_of_numbers_allows_numbers_alone() -> None:
    seeds = config_schema(EVAL)["properties"]["seeds"]
    assert [allows(seeds, value) for value in ([1, 2], [0.5], ["1"], 1)] == [True, False, False, False]


def test_an_option_of_a_number_or_a_word_allows_both() -> None:
    heads = PROPERTIES["relation_heads"]
    assert [allows(heads, value) for value in (12, "attention", "all", 1.5)] == [True, True, False, False]
