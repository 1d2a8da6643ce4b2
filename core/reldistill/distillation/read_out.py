"""How much of one set of states a linear map finds in another: the coefficient of determination on rows it was not fitted to.

Shape letters: N rows (tokens), D width of what is read from, C coordinates that are to be read out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Fit", "LinearMap"]

RIDGE = 1e-6
"""Of the mean variance of what is read from: against coordinates that say the same."""


class Fit:
    """Gathers rows; the map that fits them best, in the sense of least squares, in float64."""

    def __init__(self) -> None:
        self._rows = 0
        self._sums: list[Tensor] = []

    def add(self, known: Tensor, wanted: Tensor) -> None:
        """``[N, D]`` to read from, ``[N, C]`` to be read out."""
        x, y = _double(known), _double(wanted)
        sums = [x.sum(0), y.sum(0), x.T @ x, x.T @ y]
        self._sums = [a + b for a, b in zip(self._sums, sums, strict=True)] if self._sums else sums
        self._rows += len(x)

    def map(self) -> LinearMap:
        """The map, and the mean that it is held against."""
        x, y, xx, xy = self._sums
        mean_x, mean_y = x / self._rows, y / self._rows
        spread = xx / self._rows - torch.outer(mean_x, mean_x)
        together = xy / self._rows - torch.outer(mean_x, mean_y)
        ridge = RIDGE * spread.diagonal().mean().clamp_min(1e-30)
        weights = torch.linalg.solve(spread + ridge * torch.eye(len(mean_x), dtype=spread.dtype), together)
        return LinearMap(weights, mean_y - mean_x @ weights, mean_y)


class LinearMap:
    """``y = x W + b``; ``mean`` is what one would say of y without x."""

    def __init__(self, weights: Tensor, bias: Tensor, mean: Tensor) -> None:
        self._weights, self._bias, self._mean = weights, bias, mean

    def read_out(self, known: Sequence[Tensor], wanted: Sequence[Tensor], parts: Sequence[int]) -> list[float]:
        """R² for each part of the coordinates, so many from the first on, mean over those that vary.

        1 where all is read out, 0 where nothing is, below where it misleads; nan where none varies.
        """
        missed = torch.zeros_like(self._mean)
        whole = torch.zeros_like(self._mean)
        for x, y in zip(known, wanted, strict=True):
            y = _double(y)
            missed += ((y - _double(x) @ self._weights - self._bias) ** 2).sum(0)
            whole += ((y - self._mean) ** 2).sum(0)
        shares = torch.where(whole > 0, 1 - missed / whole, torch.nan)
        return [float(part.nanmean()) for part in shares.split(list(parts))]


def _double(states: Tensor) -> Tensor:
    return states.detach().to("cpu", torch.float64)
