"""In which dtype the loss is computed: fp32, or the dtype of the states where that is wider."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from reldistill.states import AttentionStates

__all__ = ["accumulation_dtype", "at_least_float32", "one_sequence"]


def accumulation_dtype(dtype: torch.dtype) -> torch.dtype:
    """float32 for anything narrower, else the dtype itself."""
    return torch.promote_types(dtype, torch.float32)


def at_least_float32(state: Tensor) -> Tensor:
    """The state in :func:`accumulation_dtype` of its own dtype."""
    return state.to(accumulation_dtype(state.dtype))


def one_sequence(states: AttentionStates, start: int, end: int, *, detach: bool = False) -> AttentionStates:
    """The states of the sequence at [start, end) in the dtype of the loss, cut off from the graph if asked."""
    part = states.sequence(start, end)
    states_of_loss: dict[str, Any] = {n: at_least_float32(s.detach() if detach else s) for n, s in part.present()}
    return replace(part, **states_of_loss)
