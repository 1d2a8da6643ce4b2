"""The Triton kernels: equal to the reference under Triton's interpreter, and refused with a reason where they cannot run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from random_states import random_states
from reldistill import PairRelation, UsageError, relation_loss
from reldistill.loss.triton_device import triton_obstacle

needs_triton = pytest.mark.skipif(
    find_spec("triton") is None, reason="Triton is not installed; it comes with torch on Linux"
)

QQ = PairRelation("qq", "query", "query")
HERE = Path(__file__).parent


@pytest.fixture
def _not_interpreted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    triton_obstacle.cache_clear()
    yield
    triton_obstacle.cache_clear()


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Python with these arguments, importing what this process imports."""
    inherited = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return subprocess.run(
        [sys.executable, *arguments],
        env={**inherited, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
    )


@needs_triton
@pytest.mark.slow
def test_the_kernels_equal_the_reference_under_the_interpreter() -> None:
    # In a process of its own: Triton has to be imported with the interpreter switched on, and transformers imports it.
    tests = run("-m", "pytest", "-q", HERE / "triton_interpreted.py", TRITON_INTERPRET="1")
    assert tests.returncode == 0, tests.stdout + tests.stderr


@needs_triton
@pytest.mark.usefixtures("_not_interpreted")
def test_states_on_the_cpu_are_refused_without_the_interpreter() -> None:
    states = random_states([3], 12, seed=1)
    with pytest.raises(UsageError, match=r"'triton' cannot run: it is for GPUs.* 'cpu'") as refusal:
        relation_loss(states, states, {QQ: 1.0}, 2, kernel="triton")
    assert "TRITON_INTERPRET=1" in str(refusal.value.hint)


@needs_triton
@pytest.mark.usefixtures("_not_interpreted")
def test_other_devices_are_named() -> None:
    obstacle = triton_obstacle(torch.device("mps"))
    assert obstacle is not None
    assert "'mps'" in obstacle[0]


def test_without_triton_everything_else_works_and_asking_for_it_says_so() -> None:
    program = """
import sys
sys.modules["triton"] = None  # no import of it works
from random_states import random_states
from reldistill import PairRelation, UsageError, relation_loss
states = random_states([3], 12, seed=1, requires_grad=True)
relations = {PairRelation("qq", "query", "query"): 1.0}
for kernel in ("auto", "tiled", "reference"):
    relation_loss(states, states, relations, 2, kernel=kernel).total.backward()
try:
    relation_loss(states, states, relations, 2, kernel="triton")
except UsageError as error:
    print(error)
"""
    finished = run("-c", program)
    assert finished.returncode == 0, finished.stderr
    assert "'triton' cannot run: Triton is not installed" in finished.stdout
    assert "'tiled', which runs everywhere" in finished.stdout


@needs_triton
@pytest.mark.usefixtures("_not_interpreted")
def test_auto_takes_tiled_on_the_cpu() -> None:
    teacher, student = random_states([5, 2], 12, seed=1), random_states([5, 2], 6, seed=2)
    chosen, tiled = (relation_loss(teacher, student, {QQ: 1.0}, 2, kernel=kernel) for kernel in ("auto", "tiled"))
    assert torch.equal(chosen.total, tiled.total)


def test_an_unknown_kernel_is_refused_with_those_there_are() -> None:
    states = random_states([3], 12, seed=1)
    unknown: Any = "cuda"
    with pytest.raises(UsageError, match="auto, reference, tiled, native, triton"):
        relation_loss(states, states, {QQ: 1.0}, 2, kernel=unknown)
