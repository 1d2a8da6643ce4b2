"""torch's scaled dot product attention on packed tokens.

Shape letters: T tokens of the batch, h attention heads, d width of a head, s sequences of one length n.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import scaled_dot_product_attention

from reldistill.encoder.attention.trial import trial

if TYPE_CHECKING:
    from torch import Tensor

    from reldistill.encoder.attention.packing import Packing

varlen_attn: Any
try:
    varlen_attn = import_module("torch.nn.attention.varlen").varlen_attn
except ImportError:  # an older torch
    varlen_attn = None

__all__ = ["attention_by_runs", "sdpa", "varlen_attention"]


def sdpa(query: Tensor, key: Tensor, value: Tensor, packing: Packing, scale: float, dropout: float) -> Tensor:
    """Variable-length attention where torch has it, else, and with a window, :func:`attention_by_runs`.

    Shapes: :data:`reldistill.encoder.attention.backend.PackedAttention`.
    """
    whole = packing.reach is None and dropout == 0
    if whole and query.device.type == "cuda" and _varlen_runs(query.device, query.dtype, query.shape[-1]):
        return varlen_attention(query, key, value, packing, scale, dropout)
    return attention_by_runs(query, key, value, packing, scale, dropout)


def attention_by_runs(
    query: Tensor, key: Tensor, value: Tensor, packing: Packing, scale: float, dropout: float
) -> Tensor:
    """One call for each run of neighbours of equal length, a batch ``[s, h, n, d]`` without padding; of a window the mask is
    made for each length.

    Batches come longest first, so equal lengths are neighbours. The rows are split rather than sliced: the backward
    of a slice fills a tensor of all T tokens with zeros, for each slice anew, that of a split joins once.
    """
    runs = packing.runs()
    tokens = [sequences * length for sequences, length in runs]
    outputs = []
    for run, *parts in zip(runs, *(tensor.split(tokens, dim=2) for tensor in (query, key, value)), strict=True):
        q, k, v = (part[0].unflatten(1, run).transpose(0, 1) for part in parts)
        output = scaled_dot_product_attention(q, k, v, _band(packing, run[1], q.device), dropout_p=dropout, scale=scale)
        outputs.append(output.transpose(1, 2).flatten(0, 1))
    return (outputs[0] if len(outputs) == 1 else torch.cat(outputs))[None]


def varlen_attention(
    query: Tensor, key: Tensor, value: Tensor, packing: Packing, scale: float, _dropout: float = 0.0
) -> Tensor:
    """``torch.nn.attention.varlen``: one call for the batch. It knows no dropout, and half precision on CUDA only."""
    if varlen_attn is None:
        raise NotImplementedError("this torch has no torch.nn.attention.varlen")
    ends, longest = packing.cu_seqlens, packing.longest
    q, k, v = (tensor[0].transpose(0, 1) for tensor in (query, key, value))
    output: Tensor = varlen_attn(q, k, v, ends, ends, longest, longest, scale=scale)
    return output[None]


def _band(packing: Packing, length: int, device: torch.device) -> Tensor | None:
    """``[n, n]``, true where a token sees another; None where each sees all."""
    reach = packing.reach
    if reach is None or reach >= length - 1:
        return None

    def make() -> Tensor:
        place = torch.arange(length, device=device)
        return (place[:, None] - place).abs() <= reach

    return packing.once(("band", length), make)


@cache
def _varlen_runs(device: torch.device, dtype: torch.dtype, head_width: int) -> bool:
    """Found out once: it depends on the device's generation, the dtype, the width and torch's version."""
    return trial(varlen_attention, device, dtype, head_width) is None
