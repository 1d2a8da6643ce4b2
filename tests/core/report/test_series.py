"""Long series: what is kept of them."""

from __future__ import annotations

from math import inf, nan

from hypothesis import given
from hypothesis import strategies as st

from reldistill.report.series import Column, thinned


def test_few_points_are_kept_one_by_one() -> None:
    points = [(1.0, 0.5), (2.0, 0.7), (400_000.0, 0.1)]
    assert thinned(points, 1, 400_000, 196) == [[Column(s, v, v, v) for s, v in points]]


def test_a_column_has_the_least_the_mean_and_the_greatest_of_its_points() -> None:
    points = [(float(step), float(step % 10)) for step in range(100)]
    (line,) = thinned(points, 0, 100, 5)
    assert line == [Column(first + 9.5, 0.0, 4.5, 9.0) for first in range(0, 100, 20)]


def test_a_single_outlier_of_forty_thousand_points_stays() -> None:
    points = [(10.0 * n, 50.0 if n == 31_007 else 1.0) for n in range(40_000)]
    (line,) = thinned(points, 0, 400_000, 196)
    assert len(line) <= 196
    assert max(column.greatest for column in line) == 50.0


def test_a_line_is_interrupted_where_a_value_is_not_finite() -> None:
    lines = thinned([(1, 1.0), (2, 1.0), (3, nan), (4, 2.0), (5, inf)], 1, 5, 100)
    assert [[column.step for column in line] for line in lines] == [[1, 2], [4]]


def test_values_of_which_none_is_finite_leave_nothing() -> None:
    assert thinned([(1, nan), (2, -inf)], 1, 2, 100) == []


@given(
    values=st.lists(st.floats(), max_size=300),
    columns=st.integers(1, 50),
)
def test_nothing_outside_the_values_appears_and_the_extremes_stay(values: list[float], columns: int) -> None:
    points = [(float(step), value) for step, value in enumerate(values)]
    lines = thinned(points, 0, max(len(values) - 1, 1), columns)
    finite = [value for value in values if abs(value) <= 1e100]
    kept = [column for line in lines for column in line]
    assert len(kept) <= columns
    if finite:
        assert min(column.least for column in kept) == min(finite)
        assert max(column.greatest for column in kept) == max(finite)
        assert all(column.least <= column.mean <= column.greatest for column in kept)
    else:
        assert kept == []
