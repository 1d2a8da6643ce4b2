"""The numbers on the page are those of the committed JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_tables_say_what_the_json_says() -> None:
    done = subprocess.run([sys.executable, ROOT / "docs" / "tables.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_readme_says_of_a_step_what_the_json_says() -> None:
    ratios = []
    for name in ("step_bert-128", "step_bert-512", "step_xlmr-128"):
        found = json.loads((ROOT / "benchmarks/results" / f"{name}.json").read_text(encoding="utf-8"))
        ratios.append(found["contestants"]["careful"]["times_ours"]["median"])
    said = f"a step is {min(ratios):.1f} to {max(ratios):.1f} times as fast as a careful padded one"
    assert said in (ROOT / "README.md").read_text(encoding="utf-8")
