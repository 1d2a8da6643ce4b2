"""The Triton kernels compile for GPUs, with a shared memory that all of them have and registers that suffice.

Neither a GPU nor a driver is needed: Triton brings NVIDIA's assembler.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed; it comes with torch on Linux"),
    pytest.mark.slow,
]

SHARED_LIMIT = 48 * 1024
"""What ``Blocks`` promises. The smallest GPUs of capability 8.0 and newer give 99 KiB to a block (8.6, 8.9 and 12.0; CUDA
C++ Programming Guide, table of technical specifications)."""


@pytest.mark.parametrize("capability", [80, 90])
def test_every_shape_compiles_within_shared_memory_and_registers(capability: int, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    compiler = subprocess.run(
        [sys.executable, Path(__file__).parent / "triton_compiled.py", str(capability)],
        env={**environment, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TRITON_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert compiler.returncode == 0, compiler.stderr
    kernels = [json.loads(line) for line in compiler.stdout.splitlines()]
    assert len(kernels) == 13 * 3
    too_large = [kernel for kernel in kernels if kernel["shared"] > SHARED_LIMIT]
    # A few bytes are the compiler's own choice, and change with its version.
    spilled = [kernel for kernel in kernels if kernel["spilled"] > 32]
    assert not too_large
    assert not spilled
