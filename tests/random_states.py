"""Random attention states of ragged batches."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from reldistill import AttentionStates
from reldistill.states import cumulative_lengths


def random_states(
    lengths: Sequence[int], width: int, *, seed: int, dtype: torch.dtype = torch.float64, requires_grad: bool = False
) -> AttentionStates:
    """All four states, ``[sum of lengths, width]`` each."""
    generator = torch.Generator().manual_seed(seed)
    tensors = [torch.randn(sum(lengths), width, generator=generator, dtype=torch.float64).to(dtype) for _ in range(4)]
    for tensor in tensors:
        tensor.requires_grad_(requires_grad)
    query, key, value, hidden = tensors
    return AttentionStates(query, key, value, hidden, cumulative_lengths(lengths), tuple(lengths))
