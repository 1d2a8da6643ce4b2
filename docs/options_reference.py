"""The tables of docs/reference/options.md from the JSON Schema of each command's options.

python -m docs.options_reference            writes them
python -m docs.options_reference --check    fails where the page says something else
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from docs.generated import cell, deliver, filled

from reldistill.config import KINDS, ConfigKind, config_schema

PAGE = Path(__file__).parent / "reference" / "options.md"

DEFAULT_IN_WORDS = re.compile(r"\s*\(default: (.*)\)$")
"""How a help says what an option becomes that is left open."""


def table(kind: ConfigKind[Any]) -> str:
    """A row for each key that may stand in a file of this command."""
    rows = ["| key and variable | value | default | what it does |", "|---|---|---|---|"]
    for key, about in config_schema(kind)["properties"].items():
        words = DEFAULT_IN_WORDS.search(about["description"])
        default = cell(words[1]) if words else f"`{toml(about['default'])}`" if "default" in about else ""
        told = cell(DEFAULT_IN_WORDS.sub("", about["description"]))
        rows.append(f"| `{key}`<br>`{kind.prefix}{key.upper()}` | {value(about)} | {default} | {told} |")
    return "\n".join(rows)


def value(about: dict[str, Any]) -> str:
    """What may stand there, in words: a type, or choices as they are typed in a file."""
    if "anyOf" in about:
        return " or ".join(value(member) for member in about["anyOf"])
    if "enum" in about:
        return ", ".join(f"`{toml(choice)}`" for choice in about["enum"])
    if about["type"] == "array":
        return f"list of {value(about['items'])}"
    return str({"string": "text", "boolean": "`true`, `false`"}.get(about["type"], about["type"]))


def toml(default: object) -> str:
    """Of these values TOML and JSON are spelt alike."""
    return json.dumps(default, ensure_ascii=False)


def main() -> None:
    """Write the page, or compare it."""
    tables = {f"options of {command}": table(kind) for command, kind in KINDS.items()}
    deliver(PAGE, filled(PAGE.read_text(encoding="utf-8"), tables))


if __name__ == "__main__":
    main()
