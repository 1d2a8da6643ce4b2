"""An operator with the signature of xformers' memory-efficient attention, in plain operations, for machines without it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from reldistill.encoder import ATTENTION_BACKENDS
from reldistill.encoder.attention import Backend
from reldistill.encoder.attention.xformers import attention_by


class MaterializedOperator:
    """Adds the mask as a tensor ``[T, T]``: 0 within a sequence, -inf between two. ``masks`` counts those it made."""

    def __init__(self) -> None:
        self.masks = 0

    def mask(self, lengths: Sequence[int], device: torch.device) -> Any:
        self.masks += 1
        blocks = torch.block_diag(*(torch.ones(length, length, device=device) for length in lengths))
        return torch.zeros_like(blocks).masked_fill(blocks == 0, float("-inf"))

    def attend(self, query: Tensor, key: Tensor, value: Tensor, attn_bias: Any, p: float, scale: float) -> Tensor:
        """``[1, T, h, d]`` each, as the docstring of ``xformers.ops.memory_efficient_attention`` computes it."""
        query, key, value = (query * scale).transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)
        probabilities = (query @ key.transpose(-2, -1) + attn_bias.to(query.dtype)).softmax(-1)
        return (torch.nn.functional.dropout(probabilities, p) @ value).transpose(1, 2).contiguous()


def serve_as_backend(operator: MaterializedOperator, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of the xformers backend with this operator in place of its own, for ``load_teacher(attention=…)``."""
    backend = Backend("materialized", "reldistill_packed_materialized", attention_by(operator))
    backend.register()
    monkeypatch.setitem(ATTENTION_BACKENDS, backend.name, backend.registered)
    return backend.name
