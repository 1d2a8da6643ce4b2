"""How threads wait is said before torch is loaded, and the user has the last word."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from reldistill_cli.waiting import short_waits

DISTILL_UP_TO_TORCH = """
import importlib.abc, os, sys

class Torch(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "torch":
            sys.exit("GOMP_SPINCOUNT=" + os.environ.get("GOMP_SPINCOUNT", ""))

sys.meta_path.insert(0, Torch())
from reldistill_cli.main import app
app(["distill", "--teacher", "no-such-folder/teacher", "--data", "no-such-file.txt"])
"""


@pytest.mark.parametrize("chosen", [{"OMP_WAIT_POLICY": "active"}, {"GOMP_SPINCOUNT": "7"}])
def test_what_the_user_chose_stays(chosen: Mapping[str, str]) -> None:
    assert short_waits(chosen) == {}
    assert short_waits({}) == {"GOMP_SPINCOUNT": "20000"}


@pytest.mark.parametrize(("chosen", "expected"), [({}, "20000"), ({"GOMP_SPINCOUNT": "7"}, "7")])
def test_it_is_set_when_a_distillation_loads_torch(chosen: Mapping[str, str], expected: str) -> None:
    inherited = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    command = [sys.executable, "-c", DISTILL_UP_TO_TORCH]
    done = subprocess.run(command, env=inherited | dict(chosen), capture_output=True, text=True, check=False)
    assert done.stderr.strip() == f"GOMP_SPINCOUNT={expected}"
