"""How the packed tokens of a batch fall into sequences, and how far a token sees in its own, as the backends need it.

Shape letters: T tokens of the batch, S sequences.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar, cast

from reldistill.states import cumulative_lengths

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from torch import Tensor, device

__all__ = ["PACKING", "Packing"]

PACKING = "packing"
"""The keyword that carries a :class:`Packing` through the model to the backend."""

Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Packing:
    """Made once for each forward pass, so that all layers share what a backend derives from it.

    ``lengths`` of the S sequences are on the host, ``cu_seqlens`` (int32 ``[S + 1]``, from 0 to T) on the device. With
    ``reach`` a token sees no token of its sequence that is further away, on either side; without, all of them.
    """

    lengths: tuple[int, ...]
    cu_seqlens: Tensor
    reach: int | None = None
    _made: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, lengths: tuple[int, ...], device: device | str = "cpu") -> Packing:
        """From the lengths alone; copies them to the device."""
        return cls(lengths, cumulative_lengths(lengths, device))

    @property
    def longest(self) -> int:
        """The length of the longest sequence; 0 where there is none."""
        return max(self.lengths, default=0)

    def within(self, reach: int | None) -> Packing:
        """The same sequences with a window, one object for all layers of that reach; without one where none is so long."""
        if reach is None or reach >= self.longest - 1:
            return self
        return self.once(("within", reach), lambda: Packing(self.lengths, self.cu_seqlens, reach))

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What ``make`` gives, made at the first call with this key."""
        if key not in self._made:
            self._made[key] = make()
        return cast("Made", self._made[key])

    def runs(self) -> tuple[tuple[int, int], ...]:
        """``(sequences, length)`` of neighbours of equal length: one run is a batch without padding."""
        return self.once("runs", lambda: tuple((len(list(run)), length) for length, run in groupby(self.lengths)))
