"""What to do where the device has no more memory."""

from __future__ import annotations

import ctypes
import gc
import sys
from typing import TYPE_CHECKING

import torch

from reldistill.errors import ReldistillError

if TYPE_CHECKING:
    from torch import device as Device

__all__ = ["OutOfMemory", "release_memory"]


class OutOfMemory(ReldistillError):
    """The device cannot hold even one sequence of the batch at a time, or ranks in lockstep cannot take a smaller part.

    ``together``: all ranks raise it.
    """

    def __init__(self, device: Device, tokens: int, together: bool = True) -> None:
        super().__init__(
            f"{device} is out of memory with "
            + (f"one sequence of {tokens:,} tokens at a time" if together else f"{tokens:,} tokens at a time"),
            hint="Take a smaller --max-length or --student; `minictl plan` shows what takes how much."
            if together
            else "Give a smaller --micro-batch-tokens: with --shard-teacher it cannot change during a run.",
        )
        self.device = device
        self.tokens = tokens
        self.together = together

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.device, self.tokens, self.together)


def release_memory(device: Device) -> None:
    """Give what is free within the process back to the device, so that all of its users can have it."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
    elif sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)  # oneDNN takes memory from the system alone
