"""The page of the Python API has each public name, once, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

import reldistill
import reldistill_loader

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "python.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("package", "public"),
    [
        ("reldistill", [name for name in reldistill.__all__ if name != "__version__"]),
        ("reldistill_loader", reldistill_loader.__all__),
    ],
)
def test_each_public_name_has_its_place(package: str, public: Sequence[str]) -> None:
    shown = re.findall(rf"^::: {package}\.(?:\w+\.)*(\w+)$", PAGE, re.MULTILINE)
    assert sorted(shown) == sorted(public)
