"""The input of an encoder: the tokens of several sequences one behind the other.

Shape letters: T tokens of the whole batch, S sequences, L the length that rows are padded to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from reldistill.states import cumulative_lengths

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["PackedTokens"]


@dataclass(frozen=True)
class PackedTokens:
    """``input_ids`` and ``position_ids``: int64 ``[T]``. ``cu_seqlens``: int32 ``[S + 1]``; ``lengths``: the same on the host.

    Position ids start anew in each sequence, at the family's offset.
    """

    input_ids: Tensor
    position_ids: Tensor
    cu_seqlens: Tensor
    lengths: tuple[int, ...]

    @classmethod
    def from_padded(cls, input_ids: Tensor, attention_mask: Tensor, position_offset: int) -> PackedTokens:
        """Packs rows ``[S, L]``, dropping what the mask marks as padding on either side; reads the mask on the host."""
        real = attention_mask.bool()
        lengths = tuple(real.sum(1).tolist())
        positions = torch.cat([torch.arange(n, device=input_ids.device) for n in lengths]) + position_offset
        return cls(input_ids[real], positions, cumulative_lengths(lengths, input_ids.device), lengths)

    def to(self, device: torch.device) -> PackedTokens:
        """The same on another device; the host does not wait for a copy to CUDA."""
        ids, positions, ends = (
            _moved(tensor, device) for tensor in (self.input_ids, self.position_ids, self.cu_seqlens)
        )
        return PackedTokens(ids, positions, ends, self.lengths)


def _moved(tensor: Tensor, device: torch.device) -> Tensor:
    """Through page-locked memory where that matters: a copy from other memory waits for all that the GPU has still to do.

    torch keeps that memory until the copy is done, whatever becomes of ``tensor``.
    """
    if device.type == "cuda" and tensor.device.type == "cpu":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
