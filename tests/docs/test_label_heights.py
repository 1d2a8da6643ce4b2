"""Labels beside curves do not lie on each other."""

from __future__ import annotations

import pytest
from docs.pictures.label_heights import label_heights


def test_labels_with_room_stand_where_they_want_to() -> None:
    assert label_heights([100.0, 20.0, 60.0], 17.0) == [100.0, 20.0, 60.0]


def test_a_stack_stands_around_its_ends_in_their_order() -> None:
    assert label_heights([50.0, 49.0, 51.0], 10.0) == [50.0, 40.0, 60.0]


def test_stacks_that_would_touch_become_one() -> None:
    heights = label_heights([50.0, 51.0, 62.0, 200.0], 10.0)
    assert heights == pytest.approx([133 / 3, 163 / 3, 193 / 3, 200.0])  # wishes for the top: 50, 41 and 42


def test_of_no_ends_there_are_no_heights() -> None:
    assert label_heights([]) == []
