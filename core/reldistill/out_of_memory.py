"""Telling that the device has no more memory from everything else that may go wrong."""

from __future__ import annotations

import torch

__all__ = ["is_out_of_memory"]

SAID_BY_CPU = ("DefaultCPUAllocator", "could not create a primitive", "could not create a memory object")
"""By torch's allocator and by oneDNN, which both raise a plain RuntimeError for it."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed, on the device or on the host."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in SAID_BY_CPU)
