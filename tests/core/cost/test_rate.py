"""The measured rate of matrix products."""

from __future__ import annotations

import time

import pytest
import torch

from reldistill.cost import MeasuredRate, matrix_product_rate, measured_rate
from reldistill.cost.rate import SHAPES

CPU = torch.device("cpu")


def test_the_rate_is_the_highest_of_the_shapes() -> None:
    measured = MeasuredRate({(1, 2, 3): 5.0, (4, 5, 6): 9.0, (7, 8, 9): 8.0})
    assert (measured.rate, measured.shape) == (9.0, (4, 5, 6))


def test_a_rate_is_operations_over_the_time_that_a_product_takes() -> None:
    found = matrix_product_rate(CPU, torch.float32, seconds=0.1)
    left, right = torch.randn(1024, 1024), torch.randn(1024, 1024)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        left @ right
        times.append(time.perf_counter() - start)
    # Other programs share the machine: only the order of magnitude is certain.
    assert 0.1 < found.rates[1024, 1024, 1024] * min(times) / (2 * 1024**3) < 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_shapes_that_take_too_long_are_left_out_but_for_the_first(dtype: torch.dtype) -> None:
    start = time.perf_counter()
    found = matrix_product_rate(CPU, dtype, seconds=1e-4)
    assert list(found.rates) == [SHAPES["cpu"][0]]
    assert time.perf_counter() - start < 60


def test_the_plain_figure_is_that_rate() -> None:
    assert measured_rate(CPU, torch.float32, seconds=1e-4) > 0
