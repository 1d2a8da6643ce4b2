"""xformers' memory-efficient attention: one call for the packed batch, with a block-diagonal mask.

Shape letters: T tokens of the batch, h attention heads, d width of a head.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from reldistill.encoder.attention.sdpa import attention_by_runs
from reldistill.encoder.attention.trial import trial
from reldistill.encoder.attention.xformers_library import load_xformers

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from torch import Tensor

    from reldistill.encoder.attention.backend import PackedAttention
    from reldistill.encoder.attention.packing import Packing

__all__ = ["MemoryEfficientOperator", "Operator", "attention_by", "xformers_reason"]


class Operator(Protocol):
    """An operator with the signature of ``xformers.ops.memory_efficient_attention``, and the mask that it takes."""

    def mask(self, lengths: Sequence[int], device: torch.device) -> Any:
        """Its block-diagonal mask of these sequences."""

    def attend(self, query: Tensor, key: Tensor, value: Tensor, attn_bias: Any, p: float, scale: float) -> Tensor:
        """``[1, T, h, d]`` each, in and out; ``p`` is the dropout."""


class MemoryEfficientOperator:
    """xformers' own; imported at the first use."""

    def mask(self, lengths: Sequence[int], device: torch.device) -> Any:
        """``BlockDiagonalMask``; its copy to the device waits for nothing."""
        return load_xformers().fmha.attn_bias.BlockDiagonalMask.from_seqlens(lengths, device=device)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, attn_bias: Any, p: float, scale: float) -> Tensor:
        """``memory_efficient_attention``; NotImplementedError where no operator takes these tensors."""
        output: Tensor = load_xformers().fmha.memory_efficient_attention(
            query, key, value, attn_bias=attn_bias, p=p, scale=scale
        )
        return output


def attention_by(operator: Operator) -> PackedAttention:
    """The attention that this operator computes. Its mask is made once for all layers of a forward pass.

    It has no block-diagonal mask with a window to both sides: where a sequence is longer than a layer's window, that layer
    is computed by :func:`reldistill.encoder.attention.sdpa.attention_by_runs`.
    """

    def attend(query: Tensor, key: Tensor, value: Tensor, packing: Packing, scale: float, dropout: float) -> Tensor:
        if packing.reach is not None:
            return attention_by_runs(query, key, value, packing, scale, dropout)
        mask = packing.once(attend, lambda: operator.mask(packing.lengths, query.device))
        q, k, v = (tensor.transpose(1, 2) for tensor in (query, key, value))
        return operator.attend(q, k, v, mask, dropout, scale)

    return attend


@cache
def xformers_reason(device: torch.device, dtype: torch.dtype, head_width: int) -> str | None:
    """Why no operator of xformers runs there, found out by trying; None where one does. Imports xformers if it is installed."""
    library = load_xformers()
    if library.missing is not None:
        return library.missing
    if trial(attention_by(MemoryEfficientOperator()), device, dtype, head_width) is None:
        return None
    of_its_own = "; its own library does not load" if library.own_library_fails else ""
    return f"none of its operators runs on {device.type} in {str(dtype).removeprefix('torch.')}{of_its_own}"
