"""Updates that are left out because loss or gradient are not finite, and how many in a row are too many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from reldistill.errors import PluginError, ReldistillError

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
    """Counts them. What is noted stays on the device until somebody looks. ``owners``: relation -> who provides it."""

    def __init__(self, at_most: int, in_a_row: int = 0, owners: Mapping[str, object] | None = None) -> None:
        self.in_a_row = in_a_row
        self._at_most = at_most
        self._owners = owners or {}
        self._unseen: list[tuple[int, NDArray[np.int64], Tensor, dict[str, Tensor]]] = []

    def note(
        self, step: int, sequences: NDArray[np.int64], left_out: Tensor, spoiled: Mapping[str, Tensor] | None = None
    ) -> None:
        """A step, the indices of its sequences, and scalars on the device: whether its update was left out, and for each
        relation with logits of its own how often it made what is not finite of finite states.
        """
        self._unseen.append((step, sequences.copy(), left_out, dict(spoiled or {})))

    def look(self) -> Iterator[str]:
        """A message for each one left out since the last look; waits for the device once.

        Raises :class:`NotFinite` at the first one that is too many in a row, or :class:`PluginError` where a relation
        spoiled it.
        """
        if not self._unseen:
            return
        unseen, self._unseen = self._unseen, []
        scalars = [scalar for _, _, left_out, spoiled in unseen for scalar in (left_out, *spoiled.values())]
        seen = iter(torch.stack([scalar.to(torch.float32) for scalar in scalars]).tolist())
        for step, sequences, _, spoiled in unseen:
            left_out = next(seen)
            by = [name for name in spoiled if next(seen)]
            self.in_a_row = self.in_a_row + 1 if left_out else 0
            if self.in_a_row > self._at_most:
                raise self._spoiled(step, by, sequences) if by else NotFinite(step, self.in_a_row, _some(sequences))
            if left_out:
                who = f", by {self._in_words(by)}" if by else ""
                yield f"step {step}: loss or gradient are not finite{who}; the update is left out"

    def _spoiled(self, step: int, by: Sequence[str], sequences: NDArray[np.int64]) -> PluginError:
        times = f", {self.in_a_row} times in a row" if self.in_a_row > 1 else ""
        return PluginError(
            f"{self._in_words(by)} made numbers that are not finite of states that are, at step {step}{times}; the student "
            "was not updated with them",
            hint="This is a fault of the relation, not of the training: a division by nought, the root or logarithm of it, or "
            f"-inf as a mask (take -1e4). Sequences {_some(sequences)} of the corpus are in that batch.",
        )

    def _in_words(self, relations: Sequence[str]) -> str:
        """``relation 'x' (plugin 'y' of z 1.0)``; of several, any may have done it."""
        return " or ".join(
            f"relation {n!r}" + (f" ({self._owners[n]})" if n in self._owners else "") for n in relations
        )


def _some(numbers: NDArray[np.int64]) -> str:
    return ", ".join(map(str, numbers[:8])) + (", …" if len(numbers) > 8 else "")
