"""Whether two models hold the same sequences for alike."""

from __future__ import annotations

import pytest
import torch

from reldistill.distillation.alignment import alignment


def drawn(rows: int, width: int, seed: int) -> torch.Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_rotation_scale_and_place_are_no_difference() -> None:
    states = drawn(40, 6, 0)
    rotation, _ = torch.linalg.qr(drawn(6, 6, 1))
    assert alignment(states, 3 * states @ rotation + 5) == pytest.approx(1)


def test_what_has_nothing_in_common_is_about_zero_also_where_widths_are_more_than_sequences() -> None:
    found = [alignment(drawn(20, 200, 2 * seed), drawn(20, 300, 2 * seed + 1)) for seed in range(40)]
    assert abs(sum(found) / len(found)) < 0.03


def test_it_is_the_estimator_of_song_written_out() -> None:
    one, other = drawn(12, 5, 1), drawn(12, 3, 2)
    other[:, 0] += one[:, 0]

    def hsic(k: torch.Tensor, m: torch.Tensor) -> torch.Tensor:
        n, ones = len(k), torch.ones(len(k), 1, dtype=torch.float64)
        k, m = k.clone().fill_diagonal_(0), m.clone().fill_diagonal_(0)
        middle = (ones.T @ k @ ones @ ones.T @ m @ ones).squeeze() / ((n - 1) * (n - 2))
        return (torch.trace(k @ m) + middle - 2 / (n - 2) * (ones.T @ k @ m @ ones).squeeze()) / (n * (n - 3))

    k, m = ((x - x.mean(0)) @ (x - x.mean(0)).T for x in (one, other))
    expected = float(hsic(k, m) / (hsic(k, k) * hsic(m, m)).sqrt())
    assert alignment(one.float(), other) == pytest.approx(expected, rel=1e-5)
    assert 0.1 < expected < 0.9


def test_what_never_changes_is_aligned_with_nothing() -> None:
    assert alignment(torch.ones(8, 3), drawn(8, 3, 0)) == 0


@pytest.mark.parametrize(("rows", "others"), [(3, 3), (8, 9)])
def test_too_few_or_unequal_rows_are_refused(rows: int, others: int) -> None:
    with pytest.raises(ValueError, match="rows"):
        alignment(drawn(rows, 3, 0), drawn(others, 3, 1))
