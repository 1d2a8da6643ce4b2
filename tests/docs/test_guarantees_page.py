"""Each test that a guarantee leans on is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/guarantees.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


@pytest.mark.parametrize(("path", "name"), NAMED, ids=lambda part: part.rpartition("/")[2])
def test_a_named_test_is_there(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_promise_names_what_holds_it() -> None:
    tables = re.findall(r"\| promised \| held by \|\n\|---\|---\|\n((?:\|.*\n)+)", PAGE)
    promises = [line for table in tables for line in table.splitlines()]
    assert len(tables) == 4
    assert len(promises) > 40
    assert [line for line in promises if not re.search(r"`tests/[\w/]+\.py::test_\w+`", line)] == []
