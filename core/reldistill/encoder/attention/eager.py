"""Attention in plain operations, one sequence at a time: the oracle of the other backends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import dropout as drop

if TYPE_CHECKING:
    from torch import Tensor

    from reldistill.encoder.attention.packing import Packing

__all__ = ["plain_attention"]


def plain_attention(
    query: Tensor, key: Tensor, value: Tensor, packing: Packing, scale: float, dropout: float
) -> Tensor:
    """softmax(QKᵀ · scale) V of each sequence. Shapes: :data:`reldistill.encoder.attention.backend.PackedAttention`."""
    outputs = []
    for q, k, v in zip(*(tensor.split(packing.lengths, dim=2) for tensor in (query, key, value)), strict=True):
        logits = q @ k.mT * scale
        if packing.reach is not None:
            place = torch.arange(logits.shape[-1], device=logits.device)
            logits = logits.masked_fill((place[:, None] - place).abs() > packing.reach, float("-inf"))
        probabilities = torch.softmax(logits, dim=-1)
        outputs.append((drop(probabilities, dropout) @ v).transpose(1, 2))
    return torch.cat(outputs, dim=1)
