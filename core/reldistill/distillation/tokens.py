"""A batch of the loader as tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from reldistill.encoder import PackedTokens
from reldistill_loader import PackedBatch

if TYPE_CHECKING:
    from reldistill_loader import PaddedBatch

__all__ = ["one_token", "packed_tokens"]


def packed_tokens(batch: PackedBatch | PaddedBatch, device: torch.device) -> PackedTokens:
    """The same memory as tensors, moved to the device where it is not the CPU. The batch is of the packed layout."""
    if not isinstance(batch, PackedBatch):
        raise TypeError("encoders take packed batches; ask the corpus for batches(layout='packed')")
    return PackedTokens(
        torch.from_numpy(batch.input_ids),
        torch.from_numpy(batch.position_ids),
        torch.from_numpy(batch.cu_seqlens),
        batch.lengths,
    ).to(device)


def one_token(device: torch.device) -> PackedTokens:
    """The shortest batch there is."""
    nought, border = torch.zeros(1, dtype=torch.int64), torch.tensor([0, 1], dtype=torch.int32)
    return PackedTokens(nought, nought, border, (1,)).to(device)
