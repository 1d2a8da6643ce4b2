"""How fast this machine multiplies large matrices, measured: what the products of a step are held against."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["SHAPES", "MeasuredRate", "assumed_share", "matrix_product_rate", "measured_rate"]

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
        seconds: for all shapes together; as each runs at least twice, a slow machine takes up to four times as
            long. A shape of which one run would take longer than this is left out, but for the first.
    """
    shapes = SHAPES.get(device.type, SHAPES["cpu"])
    rates: dict[Shape, float] = {}
    for shape in shapes:
        if not rates or _operations(shape) / max(rates.values()) <= seconds:
            rates[shape] = _operations(shape) / _seconds(shape, device, dtype, seconds / len(shapes))
    return MeasuredRate(rates)


def assumed_share(device: torch.device) -> float:
    """Share of the measured rate that a whole step is assumed to reach, for the estimate of the time alone.

    Of a CPU it is somewhat less than what ``minictl bench step`` reaches in bf16; of others it is not measured.
    """
    return 0.55 if device.type == "cpu" else 0.35


def measured_rate(device: torch.device, dtype: torch.dtype, seconds: float = 1.0) -> float:
    """Operations a second of matrix products: the highest of :func:`matrix_product_rate`."""
    return matrix_product_rate(device, dtype, seconds).rate


def _seconds(shape: Shape, device: torch.device, dtype: torch.dtype, seconds: float) -> float:
    """The median time of a product, of as many as fit into ``seconds``, at least one; one before them does not count."""
    import torch

    m, k, n = shape
    left, right = torch.randn(m, k, device=device).to(dtype), torch.randn(k, n, device=device).to(dtype)
    product = torch.empty(m, n, device=device, dtype=dtype)
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 2 or time.perf_counter() + times[-1] < end:
        start = time.perf_counter()
        torch.mm(left, right, out=product)
        float(product[0, 0])  # waits for the device
        times.append(time.perf_counter() - start)
    return median(times[1:])


def _operations(shape: Shape) -> int:
    m, k, n = shape
    return 2 * m * k * n
