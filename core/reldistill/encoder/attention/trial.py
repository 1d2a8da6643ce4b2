"""Whether an attention runs on a device, found out by running it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from reldistill.encoder.attention.packing import Packing
from reldistill.errors import in_one_line

if TYPE_CHECKING:
    from reldistill.encoder.attention.backend import PackedAttention

__all__ = ["TRIAL_LENGTHS", "trial"]

TRIAL_LENGTHS = (47, 17)
"""The two sequences that backends are tried with: of no length that an operator would like better than others."""


def trial(attend: PackedAttention, device: torch.device, dtype: torch.dtype, head_width: int) -> str | None:
    """Forward and backward of two heads on :data:`TRIAL_LENGTHS`: None, or in one line what went wrong."""
    try:
        with torch.enable_grad():
            states = (
                torch.ones(1, sum(TRIAL_LENGTHS), 2, head_width, device=device, dtype=dtype, requires_grad=True)
                for _ in range(3)
            )
            query, key, value = (state.transpose(1, 2) for state in states)
            output = attend(query, key, value, Packing.of(TRIAL_LENGTHS, device), head_width**-0.5, 0.0)
            output.float().sum().backward()
    except Exception as error:  # operators refuse with errors of any kind
        return in_one_line(error)
    return None
