"""Attention on a CPU, compiled: all heads of all sequences in one call, with dropout inside.

torch's fused attention on a CPU knows no dropout; with it, training falls back to whole maps in fp32, of which several are
kept for backward. Here no map exists beyond a few rows, in forward and in backward. The crate ``reldistill-kernels`` says how.

Shape letters: T tokens of the batch, h attention heads, d width of a head.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable

from reldistill.native_arrays import NATIVE_DTYPES, native_array, native_seed
from reldistill_loader._native import attention_backward, attention_forward

if TYPE_CHECKING:
    from torch import Tensor

    from reldistill.encoder.attention.packing import Packing

__all__ = ["native_attention", "native_reason"]


def native_attention(
    query: Tensor, key: Tensor, value: Tensor, packing: Packing, scale: float, dropout: float
) -> Tensor:
    """Computed in fp32, given back in the dtype of the query.

    What is dropped is a function of one number of torch's own generator, so it is the same after the same seed,
    whatever the number of threads. Shapes: :data:`reldistill.encoder.attention.backend.PackedAttention`.
    """
    heads, width = query.shape[1], query.shape[3]
    rows = (state.transpose(1, 2).reshape(-1, heads * width) for state in (query, key, value))
    output: Tensor = _NativeAttention.apply(*rows, packing.lengths, heads, scale, dropout, packing.reach)
    return output.view(1, -1, heads, width)


def native_reason(device: torch.device, dtype: torch.dtype, _head_width: int) -> str | None:
    """Why it does not run there; None where it does."""
    if device.type != "cpu":
        return f"it is for CPUs, this is {device.type}"
    return None if dtype in NATIVE_DTYPES else f"it takes fp32 and bf16, not {str(dtype).removeprefix('torch.')}"


class _NativeAttention(torch.autograd.Function):
    """``[T, h · d]`` in and out. Keeps its inputs, its output, and one number for each row of each map."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        lengths: tuple[int, ...],
        heads: int,
        scale: float,
        dropout: float,
        reach: int | None,
    ) -> Tensor:
        inputs = [state.contiguous() for state in (query, key, value)]
        output = torch.empty_like(inputs[0])
        log_sums = torch.empty(len(query), heads)
        seed = native_seed() if dropout else 0
        ctx.settings = {
            "scale": scale,
            "dropout": dropout,
            "seed": seed,
            "reach": reach,
            "threads": torch.get_num_threads(),
        }
        ctx.lengths, ctx.heads = lengths, heads
        arrays = [native_array(state) for state in inputs]
        attention_forward(lengths, heads, arrays, native_array(output), log_sums.numpy(), **ctx.settings)
        ctx.save_for_backward(*inputs, output, log_sums)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, output, log_sums = ctx.saved_tensors
        gradients = [torch.empty_like(state) for state in (query, key, value)]
        attention_backward(
            ctx.lengths,
            ctx.heads,
            [native_array(state) for state in (query, key, value)],
            native_array(output),
            log_sums.numpy(),
            native_array(slope.to(output.dtype).contiguous()),
            [native_array(gradient) for gradient in gradients],
            **ctx.settings,
        )
        return *gradients, None, None, None, None, None
