"""Where position ids begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from reldistill.encoder.quiet import quiet_transformers
from reldistill.testing.check import ConformanceError
from reldistill.testing.teacher.plain import plain_output
from reldistill.testing.teacher.tiny import make_tiny, sequences

if TYPE_CHECKING:
    from torch import Tensor

    from reldistill.teacher import TeacherAdapter

__all__ = ["check_positions"]


def check_positions(adapter: TeacherAdapter, model_type: str) -> None:
    """The plain model's own positions against those from ``position_offset``."""
    with quiet_transformers():
        model = make_tiny(adapter, model_type)
    ids, offset = sequences(model.config)[0], adapter.position_offset(model.config)
    expected = plain_output(model, ids)

    def fits(offset: int) -> bool:
        positions: Tensor = torch.arange(len(ids)) + offset
        return torch.allclose(plain_output(model, ids, positions), expected, rtol=1e-4, atol=1e-4)

    if type(offset) is not int or offset < 0 or not fits(offset):
        right = next((other for other in range(9) if fits(other)), None)
        raise ConformanceError(
            f"position_offset gave {offset!r}; the plain model's positions begin elsewhere",
            "position_offset(config) is the position id of a sequence's first token, 0 or more",
            "Look into the embeddings of the model how it makes position ids where none are given."
            if right is None
            else f"Return {right} for this configuration, whose pad_token_id is {model.config.pad_token_id}.",
        )
