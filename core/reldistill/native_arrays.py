"""Tensors on the CPU as the native module takes them: NumPy arrays over the same memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["NATIVE_DTYPES", "native_array", "native_seed"]

NATIVE_DTYPES = frozenset({torch.float32, torch.bfloat16})
"""What the kernels read and write; they compute in fp32."""


def native_array(tensor: Tensor) -> NDArray[Any]:
    """A view without a copy; bf16, which NumPy does not have, as integers of two bytes. Must be contiguous."""
    tensor = tensor.detach()
    return (tensor.view(torch.uint16) if tensor.dtype is torch.bfloat16 else tensor).numpy()


def native_seed() -> int:
    """For the random numbers of a kernel: the next number of torch's own generator, so that its seed is the seed of all."""
    return int(torch.randint(2**63 - 1, ()))
