"""Which numbers of relation heads fit two widths."""

from __future__ import annotations

import pytest

from reldistill import UsageError
from reldistill.relation_heads import check_relation_heads, common_relation_heads, nearest_relation_heads


def test_those_that_fit_divide_both_widths() -> None:
    assert common_relation_heads(60, 84) == [1, 2, 3, 4, 6, 12]


@pytest.mark.parametrize(
    ("default", "teacher", "student", "heads"),
    [
        (48, 768, 384, 48),  # the paper's base-size teachers
        (64, 1024, 384, 64),  # and large ones: 64 divides both
        (64, 1024, 768, 64),
        (48, 768, 312, 24),
        (64, 1000, 384, 8),
        (48, 35, 24, 1),
    ],
)
def test_a_default_that_does_not_fit_becomes_the_largest_below_it_that_does(
    default: int, teacher: int, student: int, heads: int
) -> None:
    assert nearest_relation_heads(default, teacher, student) == heads


def test_a_number_that_fits_both_widths_is_taken() -> None:
    check_relation_heads(48, 768, 384)


@pytest.mark.parametrize("heads", [5, 7, 16, 0, -2])
def test_a_number_that_does_not_fit_is_refused_with_all_that_do(heads: int) -> None:
    with pytest.raises(UsageError) as caught:
        check_relation_heads(heads, 60, 84)
    assert (
        caught.value.message
        == f"{heads} relation heads do not divide the projection widths of teacher (60) and student (84)"
    )
    assert caught.value.hint == "These do: 1, 2, 3, 4, 6, 12."
