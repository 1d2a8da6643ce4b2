"""What cost needs to know of lengths."""

from __future__ import annotations

import numpy as np

from reldistill.cost import Lengths


def test_squares_weigh_long_sequences() -> None:
    lengths = Lengths.of(np.array([1, 3, 8], dtype=np.uint32))
    assert lengths == Lengths(mean=4.0, mean_square=74 / 3)
    assert lengths.squares_per_token == 74 / 12


def test_squares_of_long_sequences_do_not_overflow() -> None:
    assert Lengths.of(np.full(3, 2**17, dtype=np.uint32)).mean_square == 2.0**34


def test_sequences_of_one_length_see_as_many_tokens_as_they_have() -> None:
    assert Lengths.alike(180).squares_per_token == 180
