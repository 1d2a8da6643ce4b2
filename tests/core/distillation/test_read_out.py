"""How much of one set of states a linear map finds in another."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from reldistill.distillation.read_out import Fit


def drawn(rows: int, width: int, seed: int) -> torch.Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_what_is_a_linear_map_is_read_out_whole() -> None:
    weights, known, other = drawn(5, 3, 0), drawn(400, 5, 1), drawn(100, 5, 2)
    fit = Fit()
    fit.add(known, known @ weights + 7)
    assert fit.map().read_out([other], [other @ weights + 7], [1, 2]) == pytest.approx([1, 1], abs=1e-6)


def test_what_has_nothing_to_do_with_it_is_not() -> None:
    fit = Fit()
    fit.add(drawn(4_000, 5, 1), drawn(4_000, 3, 2))
    (share,) = fit.map().read_out([drawn(4_000, 5, 3)], [drawn(4_000, 3, 4)], [3])
    assert abs(share) < 0.02


def test_it_is_what_least_squares_of_numpy_says_however_the_rows_come() -> None:
    known, noise = drawn(300, 6, 1), drawn(300, 4, 2)
    wanted = known[:, :4] ** 2 + known @ drawn(6, 4, 3) + noise
    with_one = torch.cat([known, torch.ones(300, 1, dtype=torch.float64)], 1).numpy()
    solution, *_ = np.linalg.lstsq(with_one[:200], wanted[:200].numpy(), rcond=None)
    missed = ((wanted[200:].numpy() - with_one[200:] @ solution) ** 2).sum(0)
    whole_of_it = ((wanted[200:] - wanted[:200].mean(0)) ** 2).sum(0).numpy()
    shares = 1 - missed / whole_of_it
    expected = [float(shares[:3].mean()), float(shares[3:].mean())]
    assert 0.5 < min(expected) < max(expected) < 0.95
    whole, parts = Fit(), Fit()
    whole.add(known[:200], wanted[:200])
    for start in range(0, 200, 37):
        parts.add(known[start : min(200, start + 37)].float(), wanted[start : min(200, start + 37)])
    assert whole.map().read_out([known[200:]], [wanted[200:]], [3, 1]) == pytest.approx(expected, abs=1e-4)
    in_parts = parts.map().read_out([known[200:230], known[230:]], [wanted[200:230], wanted[230:]], [3, 1])
    assert in_parts == pytest.approx(expected, abs=1e-4)


def test_coordinates_that_never_change_do_not_count() -> None:
    known, other = drawn(100, 3, 1), drawn(50, 3, 2)
    still = torch.ones(100, 1, dtype=torch.float64)
    fit = Fit()
    fit.add(known, torch.cat([known[:, :1], still], 1))
    shares = fit.map().read_out([other], [torch.cat([other[:, :1], still[:50]], 1)], [2])
    assert shares == pytest.approx([1], abs=1e-6)
