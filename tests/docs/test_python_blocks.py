"""The Python on each page runs, block after block, in a folder that holds what the page speaks of."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from pages_of_docs import DOCS, PAGES, blocks, name

ELSEWHERE = {DOCS / "plugins.md"}
"""Pages whose blocks have tests of their own."""

SMALLER = {r"\bsteps=\d[\d_]*": "steps=2", r'"steps": \d[\d_]*': '"steps": 2', r'student="\d+x\d+"': 'student="2x24"'}
"""Sizes for a machine of any kind; all else runs as it stands there."""


@pytest.mark.parametrize("page", [p for p in PAGES if p not in ELSEWHERE and blocks(p, "python", "py")], ids=name)
def test_the_python_of_the_page_runs(page: Path, page_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)
    for block in blocks(page, "python", "py"):
        if block.not_run:
            continue
        code = block.text
        for large, small in SMALLER.items():
            code = re.sub(large, small, code)
        exec(compile("\n" * block.line + code, page, "exec"), vars(module))
