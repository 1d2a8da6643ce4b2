"""How fast this machine multiplies large matrices, measured: what the products of a step are held against."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["EFFICIENCY", "SHAPES", "MeasuredRate", "matrix_product_rate", "measured_rate"]

EFFICIENCY = 0.35
"""Share of the measured rate that a whole step is assumed to reach, for the estimate of the time alone."""

Shape = tuple[int, int, int]

SHAPES: Mapping[str, tuple[Shape, ...]] = {
    "cpu": ((1024, 1024, 1024), (4096, 768, 3072), (2048, 2048, 2048)),
    "cuda": ((4096, 4096, 4096), (32_768, 768, 3072), (8192, 8192, 8192)),
    "mps": ((1024, 1024, 1024), (4096, 768, 3072), (2048, 2048, 2048)),
}
"""Device type -> products ``[m, k] · [k, n]`` as ``(m, k, n)``, in the order in which they are tried."""


@dataclass(frozen=True)
class MeasuredRate:
    """``rates``: shape ``(m, k, n)`` -> operations a second, the median of its runs. Shapes that would have taken too
    long are not in it.
    """

    rates: Mapping[Shape, float]

    @property
    def shape(self) -> Shape:
        """The shape with the highest rate."""
        return max(self.rates, key=lambda shape: self.rates[shape])

    @property
    def rate(self) -> float:
        """The highest rate, operations a second."""
        return self.rates[self.shape]


def matrix_product_rate(device: torch.device, dtype: torch.dtype, seconds: float = 1.0) -> MeasuredRate:
    """The rate of each of :data:`SHAPES` in this dtype, two operations for each multiply-add.

    The results are written into memory that is there already, so that no page fault is measured.

    Args:
        device: where.
        dtype: of the factors and the result.
        seconds: about as long as it takes. A shape that would not fit into what is left is left out; the first
            is measured at any rate, however slow.
    """
    shapes = SHAPES.get(device.type, SHAPES["cpu"])
    end = time.perf_counter() + seconds
    rates: dict[Shape, float] = {}
    for number, shape in enumerate(shapes):
        now = time.perf_counter()
        if rates and now + 3 * _operations(shape) / max(rates.values()) > end:
            continue
        rates[shape] = _operations(shape) / _seconds(shape, device, dtype, now + (end - now) / (len(shapes) - number))
    return MeasuredRate(rates)


def measured_rate(device: torch.device, dtype: torch.dtype, seconds: float = 1.0) -> float:
    """Operations a second of matrix products: the highest of :func:`matrix_product_rate`."""
    return matrix_product_rate(device, dtype, seconds).rate


def _seconds(shape: Shape, device: torch.device, dtype: torch.dtype, end: float) -> float:
    """The median time of a product, of as many as fit until ``end``, the first not counted, at least one."""
    import torch

    m, k, n = shape
    left, right = torch.randn(m, k, device=device).to(dtype), torch.randn(k, n, device=device).to(dtype)
    product = torch.empty(m, n, device=device, dtype=dtype)
    times: list[float] = []
    for run in range(1_000_000):
        start = time.perf_counter()
        torch.mm(left, right, out=product)
        float(product[0, 0])  # waits for the device
        done = time.perf_counter()
        if run:
            times.append(done - start)
        if times and done + times[-1] > end:
            break
    return median(times)


def _operations(shape: Shape) -> int:
    m, k, n = shape
    return 2 * m * k * n
