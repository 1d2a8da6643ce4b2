"""The same bits each time on a GPU too, where that is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["deterministic_operations"]

CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
"""cuBLAS reads it when it is first used; torch refuses deterministic products without it."""


@contextmanager
def deterministic_operations(wanted: bool) -> Iterator[None]:
    """With ``wanted``, torch takes deterministic operations alone for as long as the context lasts.

    An operation that has no such form raises RuntimeError, with its name.
    """
    if not wanted:
        yield
        return
    os.environ.setdefault(CUBLAS, ":4096:8")
    before, benchmark = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.backends.cudnn.benchmark = benchmark
