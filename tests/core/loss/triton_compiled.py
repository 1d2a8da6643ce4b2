"""Compiles the Triton kernels for GPUs that need not be here, and prints one JSON object a kernel.

Run by test_triton_compiles.py in a process without Triton's interpreter: ``python triton_compiled.py CAPABILITY...``.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from reldistill.loss.triton_blocks import Blocks
from reldistill.loss.triton_kernels import divergence_kernel, gradient_kernel

NAMES = {torch.float16: "fp16", torch.bfloat16: "bf16", torch.float32: "fp32", torch.float64: "fp64"}
BF16, FP16, FP32, FP64 = torch.bfloat16, torch.float16, torch.float32, torch.float64

# Length of the longest sequence, widths of a head of teacher and student, and their dtypes.
SHAPES = [
    (512, 16, 8, BF16, BF16),
    (512, 64, 32, BF16, BF16),
    (128, 64, 64, BF16, BF16),
    (9, 16, 8, BF16, BF16),
    (512, 768, 384, BF16, BF16),
    (512, 64, 64, FP16, FP16),
    (512, 16, 8, FP32, FP32),
    (128, 64, 64, FP32, FP32),
    (9, 64, 32, FP32, FP32),
    (512, 768, 768, FP32, FP32),
    (512, 768, 384, BF16, FP32),
    (512, 64, 32, FP32, BF16),
    (512, 64, 32, FP64, FP64),
]

# What the gradient kernel is asked for: a self relation or a pair with its mirror, one side alone, more of a sum.
PASSES = [{"LEFT": True, "RIGHT": True, "ADD": False}, {"LEFT": False, "RIGHT": True, "ADD": True}]


def compiled(
    blocks: Blocks, teacher: torch.dtype, student: torch.dtype, capability: int, asked: dict[str, bool] | None
) -> dict[str, object]:
    """Shared memory and spilled registers of one kernel, as the host would launch it; ``asked`` of the gradient's."""
    constants: dict[str, int | float | str] = dict(blocks.constants(12))
    if asked is not None:
        constants |= {**asked, "OUT": blocks.out, "GRADIENT_PRECISION": blocks.gradient_precision}
    kernel = divergence_kernel if asked is None else gradient_kernel
    sums = "*fp64" if FP64 in (teacher, student) else "*fp32"

    def kind(argument: str) -> str:
        if argument in constants:
            return "constexpr"
        if argument in ("tokens", "blocks") or argument.endswith("stride"):
            return "i32"
        if argument == "gradient" and asked is not None and not asked["ADD"]:
            return f"*{NAMES[student]}"
        models = {"teacher": f"*{NAMES[teacher]}", "student": f"*{NAMES[student]}", "cu": "*i32"}
        return models.get(argument.partition("_")[0], sums)

    signature = {argument: kind(argument) for argument in kernel.arg_names}
    # What Triton sees of the tensors of torch: their addresses, and most strides, are multiples of 16.
    attributes = {
        (index,): [["tt.divisibility", 16]]
        for index, (argument, dtype) in enumerate(signature.items())
        if (dtype.startswith("*") and "log_sums" not in argument) or argument.endswith("stride")
    }
    binary = triton.compile(
        ASTSource(kernel, signature, constants, attributes),
        target=GPUTarget("cuda", capability, 32),
        options=blocks.options(),
    )
    return {"shared": binary.metadata.shared, "spilled": spilled(binary.asm["cubin"])}


def spilled(cubin: bytes) -> int:
    """Bytes of a thread's stack: what found no register."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        usage = subprocess.run(
            [Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump", "--dump-resource-usage", file.name],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    return int(re.findall(r"STACK:(\d+)", usage)[0])


def main(capabilities: list[int]) -> None:
    for capability in capabilities:
        for length, wide, narrow, teacher, student in SHAPES:
            blocks = Blocks.fitting(length, wide, narrow, teacher, student)
            for asked in (None, *PASSES):
                found = compiled(blocks, teacher, student, capability, asked)
                shape = [length, wide, narrow, NAMES[teacher], NAMES[student]]
                print(json.dumps({"capability": capability, "shape": shape, "asked": asked, **found}), flush=True)


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]])
