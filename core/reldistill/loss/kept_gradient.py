"""Losses whose gradient is computed together with their value, and kept until backward asks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["KeptGradient", "weighted_sum"]


class KeptGradient(torch.autograd.Function):
    """Base of such a loss: its last arguments are the states, and ``forward`` ends with :meth:`keep`."""

    @staticmethod
    def keep(ctx: Any, states: Sequence[Tensor | None], gradients: Sequence[Tensor | None]) -> None:
        """Keep the gradient of each state, in the dtype of the loss; None where there is no state or none is wanted."""
        ctx.save_for_backward(*gradients)
        ctx.dtypes = [None if state is None else state.dtype for state in states]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        """The kept gradients times that of the loss, in the dtypes of the states; nothing for the other arguments."""
        scaled = [
            None if kept is None else (kept * gradient).to(dtype)
            for kept, dtype in zip(ctx.saved_tensors, ctx.dtypes, strict=True)
        ]
        return (*(None for _ in range(len(ctx.needs_input_grad) - len(scaled))), *scaled)


def weighted_sum(weights: Mapping[Any, float], terms: Mapping[Any, Tensor]) -> Tensor:
    """``Σ α · L`` (paper, equation 5) over the keys of both."""
    total = torch.zeros_like(next(iter(terms.values())))
    for key, weight in weights.items():
        total = total + weight * terms[key]
    return total
