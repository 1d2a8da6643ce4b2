"""How large the blocks of the Triton kernels are: what a multiprocessor of a GPU can hold."""

from __future__ import annotations

from dataclasses import dataclass
from math import e, log2

import torch

__all__ = ["Blocks"]

LEAST = 16
"""The least side of a matrix product in Triton; narrower heads are padded with zeros."""


@dataclass(frozen=True)
class Blocks:
    """Rows and columns of a block of logits, how much of a head's width is held at a time, and the warps at work.

    In registers are a block of logits of either model, ``rows · columns`` each, and ``rows · out`` of the gradient, in
    fp32: at most 64 · (2 · 32 + 128) numbers over 8 warps of 32 threads, 48 registers of a thread's 255; operands and
    addresses take the rest. In shared memory are what two stages of the loop load, at most ``2 · (rows + columns) ·
    chunk`` numbers of either model and ``columns · out`` of the student, and what changes its layout between products.

    Chosen by compiling (tests/core/loss/test_triton_compiles.py): for compute capability 8.0 and 9.0 the kernels take at
    most 48 KiB of shared memory, where the smallest GPUs of 8.0 and newer give 99 KiB to a block, and registers do not
    spill. (10.0, where a block can have 227 KiB, takes 69 KiB.) Not tuned on a GPU.
    """

    teacher_width: int
    student_width: int
    rows: int
    columns: int
    teacher_chunk: int
    student_chunk: int
    out: int
    warps: int
    gradient_precision: str

    @classmethod
    def fitting(
        cls, length: int, teacher_width: int, student_width: int, teacher: torch.dtype, student: torch.dtype
    ) -> Blocks:
        """For heads of these widths and dtypes, and sequences of at most ``length`` tokens.

        Products of 16-bit numbers run on tensor cores; those of fp32 on ordinary ones, where Triton holds whole
        operands in registers, so that blocks are small and a chunk of the width is 16.
        """
        tensor_cores = teacher.itemsize == student.itemsize == 2
        rows, chunk = (64, 64) if tensor_cores else (32, 16)
        out = min(128 if teacher.itemsize == student.itemsize < 8 else 64, _power_of_two(student_width))
        return cls(
            teacher_width=teacher_width,
            student_width=student_width,
            rows=min(rows, _power_of_two(length)),
            columns=min(32, _power_of_two(length)),
            teacher_chunk=min(chunk, _power_of_two(teacher_width)),
            student_chunk=min(chunk, _power_of_two(student_width)),
            out=out,
            warps=8 if tensor_cores and out == 128 else 4,
            # fp16 fits TF32 whole: three products of TF32 lose no more than one of fp32. AMD's compiler has none.
            gradient_precision="tf32x3" if student == torch.float16 and torch.version.hip is None else "ieee",
        )

    def constants(self, relation_heads: int) -> dict[str, int | float]:
        """The arguments in capitals that both kernels take."""
        return {
            "HEADS": relation_heads,
            "TEACHER_WIDTH": self.teacher_width,
            "STUDENT_WIDTH": self.student_width,
            "TEACHER_CHUNK": self.teacher_chunk,
            "STUDENT_CHUNK": self.student_chunk,
            "TEACHER_SCALE": log2(e) * self.teacher_width**-0.5,
            "STUDENT_SCALE": log2(e) * self.student_width**-0.5,
            "ROWS": self.rows,
            "COLUMNS": self.columns,
        }

    def options(self) -> dict[str, int | bool]:
        """What the compiler is told beside them."""
        # Fusing products with sums is off by default from Triton 3.10 on; it rounds less.
        return {"num_warps": self.warps, "num_stages": 2, "enable_fp_fusion": True}

    def outputs(self) -> int:
        """Parts of ``out`` numbers that a head of the student's gradient is made in."""
        return -(-self.student_width // self.out)


def _power_of_two(number: int) -> int:
    """The least one that is neither below ``number`` nor below :data:`LEAST`."""
    return max(LEAST, 1 << (number - 1).bit_length())
