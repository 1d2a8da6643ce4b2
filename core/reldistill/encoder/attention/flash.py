"""The package flash-attn, under transformers' name for it: one call for the packed batch, dropout included.

Shape letters: T tokens of the batch, S sequences, h attention heads, d width of a head.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from reldistill.encoder.attention.trial import trial

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import Tensor

    from reldistill.encoder.attention.backend import PackedAttention
    from reldistill.encoder.attention.packing import Packing

__all__ = ["VarlenOperator", "flash_attention_by", "flash_attn_varlen", "flash_reason"]


class VarlenOperator(Protocol):
    """The part of ``flash_attn.flash_attn_varlen_func``'s signature that is used: ``[T, h, d]`` each, in and out."""

    def __call__(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        cu_seqlens_q: Tensor,
        cu_seqlens_k: Tensor,
        max_seqlen_q: int,
        max_seqlen_k: int,
        *,
        dropout_p: float,
        softmax_scale: float,
        window_size: tuple[int, int] = (-1, -1),
    ) -> Tensor:
        """``cu_seqlens``: int32 ``[S + 1]`` on the device. ``window_size``: how far a token sees to the left and right, -1: all."""


def flash_attn_varlen() -> VarlenOperator:
    """flash-attn's own; imported at the first use."""
    operator: VarlenOperator = import_module("flash_attn").flash_attn_varlen_func
    return operator


def flash_attention_by(load: Callable[[], VarlenOperator]) -> PackedAttention:
    """The attention by the operator that ``load`` gives. Shapes: :data:`reldistill.encoder.attention.backend.PackedAttention`."""

    def attend(query: Tensor, key: Tensor, value: Tensor, packing: Packing, scale: float, dropout: float) -> Tensor:
        ends, longest = packing.cu_seqlens, packing.longest
        q, k, v = (tensor[0].transpose(0, 1) for tensor in (query, key, value))
        window = (-1, -1) if packing.reach is None else (packing.reach, packing.reach)
        return load()(
            q, k, v, ends, ends, longest, longest, dropout_p=dropout, softmax_scale=scale, window_size=window
        )[None]

    return attend


@cache
def flash_reason(device: torch.device, dtype: torch.dtype, head_width: int) -> str | None:
    """Why flash-attn does not run there, found out by trying; None where it does."""
    if device.type != "cuda":
        return f"it needs CUDA, this is {device.type}"
    if find_spec("flash_attn") is None:
        return "the package flash-attn is not installed"
    return trial(flash_attention_by(flash_attn_varlen), device, dtype, head_width)
