"""Dropout on a CPU, compiled: torch draws its random numbers there one behind the other, on one core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable

from reldistill.native_arrays import NATIVE_DTYPES, native_array, native_seed
from reldistill_loader._native import dropout

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["NativeDropout", "use_native_dropout"]


class NativeDropout(nn.Dropout):
    """:class:`torch.nn.Dropout`, with other random numbers on a CPU: there the same ones after the same seed of torch's
    generator, whatever the number of threads. No mask is kept for backward; the numbers are computed again.

    It is torch's own on other devices, for dtypes but fp32 and bf16, and in what torch compiles, which fuses it.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Of any shape, whose last dimension is taken as a row; the dtype stays."""
        here = input.device.type == "cpu" and input.dtype in NATIVE_DTYPES and input.dim() > 0 < input.numel()
        if not (self.training and 0.0 < self.p < 1.0 and here) or torch.compiler.is_compiling():
            return super().forward(input)
        dropped: Tensor = _Dropped.apply(input, self.p)
        return dropped


def use_native_dropout(model: nn.Module) -> None:
    """Puts a :class:`NativeDropout` in the place of each plain dropout of the model."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, NativeDropout(child.p).train(child.training))


class _Dropped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, share: float) -> Tensor:
        ctx.settings = {"dropout": share, "seed": native_seed(), "threads": torch.get_num_threads()}
        return _dropped(values, ctx.settings)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        return _dropped(slope, ctx.settings), None


def _dropped(values: Tensor, settings: dict[str, Any]) -> Tensor:
    values = values.contiguous()
    left, width = torch.empty_like(values), values.shape[-1]
    dropout(native_array(values.view(-1, width)), native_array(left.view(-1, width)), **settings)
    return left
