"""Marks of an axis: few, round, inside, and short to read."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reldistill.report.ticks import linear_ticks, log_ticks, tick_label

FINITE = st.floats(min_value=-1e100, max_value=1e100)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (0, 400_000, [0, 100_000, 200_000, 300_000, 400_000]),
        (0.27, 1.04, [0.4, 0.6, 0.8, 1.0]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
        (0, 6e-4, [0, 2e-4, 4e-4, 6e-4]),
    ],
)
def test_linear_ticks_are_round(low: float, high: float, ticks: list[float]) -> None:
    assert linear_ticks(low, high) == ticks


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.2, 2.5, [0.2, 0.5, 1, 2]),
        (0.01, 10, [0.01, 0.1, 1, 10]),
        (1e-5, 1e10, [1e-5, 1e-2, 1e1, 1e4, 1e7, 1e10]),
        (0.011, 0.019, [0.012, 0.014, 0.016, 0.018]),
    ],
)
def test_log_ticks_are_round(low: float, high: float, ticks: list[float]) -> None:
    assert log_ticks(low, high) == pytest.approx(ticks)


@given(low=FINITE, high=FINITE)
def test_linear_ticks_are_few_ascending_and_inside(low: float, high: float) -> None:
    assume(high - low > max(1e-9 * max(abs(low), abs(high)), 1e-300))
    ticks = linear_ticks(low, high)
    assert 2 <= len(ticks) <= 6
    assert ticks == sorted(set(ticks))
    room = 1e-6 * (high - low)
    assert low - room <= ticks[0]
    assert ticks[-1] <= high + room


@given(low=st.floats(1e-300, 1e100), ratio=st.floats(1.001, 1e30))
def test_log_ticks_are_few_ascending_and_inside(low: float, ratio: float) -> None:
    high = low * ratio
    ticks = log_ticks(low, high)
    assert 2 <= len(ticks) <= 6
    assert ticks == sorted(set(ticks))
    assert low * (1 - 1e-6) <= ticks[0]
    assert ticks[-1] <= high * (1 + 1e-6)


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (0, "0"), (0.05, "0.05"), (1, "1"), (0.30000000000000004, "0.3"), (6e-4, "0.0006"), (6e-5, "6e-5"), (2500, "2500"),
        (50_000, "50k"), (400_000, "400k"), (1_200_000, "1.2M"), (2e9, "2G"), (3e20, "3e20"), (-0.5, "-0.5"), (-2e6, "-2M"),
        (float("nan"), "nan"),
    ],
)  # fmt: skip
def test_labels_are_short(value: float, label: str) -> None:
    assert tick_label(value) == label
