"""The attention states of one layer, packed: all sequences one behind the other, no padding anywhere.

Shape letters: T tokens of the whole batch, S sequences, D width of a projection.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import torch

from reldistill.relation import STATE_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

__all__ = ["AttentionStates", "cumulative_lengths"]


@dataclass(frozen=True)
class AttentionStates:
    """Outputs of a layer's three projections and, on request, the layer's input.

    ``query``, ``key`` and ``value`` are ``[T, D]``: the attention heads are concatenated, biases are added, the scale
    of the attention is not. ``hidden`` is ``[T, hidden size]``, the input of the layer. What nobody asked for is None.
    ``cu_seqlens`` is int32 ``[S + 1]`` on the device of the states, from 0 to T; ``lengths`` is the same on the host,
    so that a training step does not have to wait for the device. Left out, it is read from ``cu_seqlens`` once.

    Raises ValueError where shapes and lengths disagree.
    """

    query: Tensor | None
    key: Tensor | None
    value: Tensor | None
    hidden: Tensor | None
    cu_seqlens: Tensor
    lengths: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.lengths and self.cu_seqlens.numel() > 1:
            # One synchronisation with the device, for callers that do not know the lengths.
            object.__setattr__(self, "lengths", tuple(self.cu_seqlens.diff().tolist()))
        if self.cu_seqlens.numel() != len(self.lengths) + 1:
            raise ValueError(
                f"cu_seqlens has {self.cu_seqlens.numel()} entries, {len(self.lengths)} lengths need {len(self.lengths) + 1}"
            )
        if min(self.lengths, default=1) < 1:
            raise ValueError(f"a sequence needs at least one token; lengths are {self.lengths}")
        if self.cu_seqlens.device.type == "cpu" and self.cu_seqlens.tolist() != [0, *accumulate(self.lengths)]:
            raise ValueError(
                f"cu_seqlens {self.cu_seqlens.tolist()} are not the running sums of the lengths {self.lengths}"
            )
        tokens = sum(self.lengths)
        for name, state in self.present():
            if state.dim() != 2 or state.shape[0] != tokens:
                raise ValueError(
                    f"{name} has shape {list(state.shape)}, expected [{tokens}, width] for lengths that add up to {tokens}"
                )

    @property
    def tokens(self) -> int:
        """T, the number of tokens of all sequences."""
        return sum(self.lengths)

    def present(self) -> Iterator[tuple[str, Tensor]]:
        """Names and tensors of the states that are there."""
        for name in STATE_NAMES:
            state: Tensor | None = getattr(self, name)
            if state is not None:
                yield name, state

    def require(self, name: str) -> Tensor:
        """The state of this name; ValueError where it was not captured."""
        state: Tensor | None = getattr(self, name)
        if state is None:
            raise ValueError(
                f"the state {name!r} was not captured; captured: {', '.join(n for n, _ in self.present()) or 'none'}"
            )
        return state

    def spans(self) -> Iterator[tuple[int, int]]:
        """Start and end of each sequence among the tokens."""
        start = 0
        for length in self.lengths:
            yield start, start + length
            start += length

    def sequence(self, start: int, end: int) -> AttentionStates:
        """The states of the one sequence that lies at [start, end), as views; its ``cu_seqlens`` are on the host."""
        query, key, value, hidden = (
            None if state is None else state[start:end] for state in (self.query, self.key, self.value, self.hidden)
        )
        return AttentionStates(query, key, value, hidden, cumulative_lengths((end - start,)), (end - start,))


def cumulative_lengths(lengths: Sequence[int], device: torch.device | str = "cpu") -> Tensor:
    """int32 ``[S + 1]``: 0 and the running sums of the lengths."""
    return torch.tensor([0, *accumulate(lengths)], dtype=torch.int32, device=device)
