"""Updates that are left out because loss or gradient are not finite, and how many in a row are too many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from reldistill.errors import ReldistillError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["NotFinite", "SkippedUpdates"]


class NotFinite(ReldistillError):
    """More updates in a row than allowed were left out. ``step``: the last of them."""

    def __init__(self, step: int, in_a_row: int, sequences: str) -> None:
        super().__init__(
            f"step {step}: loss or gradient are not finite"
            + (f", {in_a_row} times in a row" if in_a_row > 1 else "")
            + "; the student was not updated with it",
            hint=f"Sequences {sequences} of the corpus are in that batch. "
            "A smaller --learning-rate, a longer --warmup or --precision fp32 usually helps.",
        )
        self.step = step
        self.in_a_row = in_a_row
        self.sequences = sequences

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.step, self.in_a_row, self.sequences)


class SkippedUpdates:
    """Counts them. What is noted stays on the device until somebody looks."""

    def __init__(self, at_most: int, in_a_row: int = 0) -> None:
        self.in_a_row = in_a_row
        self._at_most = at_most
        self._unseen: list[tuple[int, NDArray[np.int64], Tensor]] = []

    def note(self, step: int, sequences: NDArray[np.int64], left_out: Tensor) -> None:
        """A step, the indices of its sequences, and a scalar on the device: whether its update was left out."""
        self._unseen.append((step, sequences.copy(), left_out))

    def look(self) -> Iterator[str]:
        """A message for each one left out since the last look; waits for the device once.

        Raises :class:`NotFinite` at the first one that is too many in a row.
        """
        if not self._unseen:
            return
        unseen, self._unseen = self._unseen, []
        flags = torch.stack([left_out for _, _, left_out in unseen]).tolist()
        for (step, sequences, _), left_out in zip(unseen, flags, strict=True):
            self.in_a_row = self.in_a_row + 1 if left_out else 0
            if self.in_a_row > self._at_most:
                raise NotFinite(step, self.in_a_row, _some(sequences))
            if left_out:
                yield f"step {step}: loss or gradient are not finite; the update is left out"


def _some(numbers: NDArray[np.int64]) -> str:
    return ", ".join(map(str, numbers[:8])) + (", …" if len(numbers) > 8 else "")
