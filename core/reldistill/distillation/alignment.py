"""Whether two models hold the same sequences for alike: linear centred kernel alignment.

Kornblith et al. 2019, "Similarity of Neural Network Representations Revisited", with the estimator of HSIC that is not biased by the
number of sequences (Song et al. 2012, "Feature Selection via Dependence Maximization", equation 4).

Shape letters: N sequences, D and E widths of the two models.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["LEAST", "alignment"]

LEAST = 4
"""Sequences that the estimator needs."""


def alignment(one: Tensor, other: Tensor) -> float:
    """Of ``[N, D]`` and ``[N, E]``, in float64: 1 for the same up to rotation and scale, about 0 for what has nothing in common.

    0 where all rows of one are equal. Raises ValueError for fewer than :data:`LEAST` rows or unequal numbers of them.
    """
    if len(one) != len(other) or len(one) < LEAST:
        raise ValueError(f"{len(one)} and {len(other)} rows; as many in both, and at least {LEAST}")
    first, second = _products(one), _products(other)
    own = _together(first, first) * _together(second, second)
    return _together(first, second) / math.sqrt(own) if own > 0 else 0.0


def _products(states: Tensor) -> Tensor:
    """``[N, N]``: inner products of the centred rows, without those of a row with itself."""
    x = states.detach().to("cpu", torch.float64)
    x = x - x.mean(0)
    products = x @ x.T
    return products - torch.diag(products.diagonal())


def _together(k: Tensor, m: Tensor) -> float:
    """The estimate of HSIC of two matrices with empty diagonals."""
    n = len(k)
    found = (k * m).sum() + k.sum() * m.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (k.sum(0) @ m.sum(1))
    return float(found) / (n * (n - 3))
