"""How what a plugin gives is used: the command for each kind of thing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

__all__ = ["KINDS", "Kind", "use_command"]

Kind = Literal["relation", "layers", "teacher", "task"]

KINDS: Mapping[Kind, str] = {
    "relation": "minictl distill --teacher bert-base --relations {}",
    "layers": "minictl distill --teacher bert-base --layers {}",
    "teacher": "minictl distill --teacher {}",
    "task": "minictl eval {}",
}
"""Kind of thing -> the command that uses it, ``{}`` for its name."""


def use_command(kind: Kind, name: str) -> str:
    """The command that uses the thing of this name; of a teacher, an alias or a folder."""
    return KINDS[kind].format(name)
