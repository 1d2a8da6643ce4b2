"""What a fine-tuned model says of features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from reldistill.evaluation.features import by_length, collate

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedModel

    from reldistill.eval_task import Encoded
    from reldistill.stop import Stop

__all__ = ["infer"]

TOKENS = 8_192
"""Computed at once, padding included."""


def infer(
    model: PreTrainedModel,
    encoded: Encoded,
    *,
    pad_token_id: int,
    device: torch.device,
    precision: torch.dtype,
    stop: Stop,
) -> list[NDArray[np.float32]]:
    """The logits of each feature in fp32: ``[labels]``, or of a model for answers start and end, ``[2, tokens]``."""
    lengths = np.array([len(ids) for ids in encoded.input_ids], np.int64)
    found: list[Any] = [None] * len(encoded)
    model.eval()
    with torch.inference_mode(), torch.autocast(device.type, precision, enabled=precision != torch.float32):
        for which in by_length(lengths, TOKENS):
            stop.check()
            batch = collate(encoded, which, pad_token_id, device)
            output: Any = model(**{name: value for name, value in batch.items() if name not in encoded.targets})
            if hasattr(output, "start_logits"):
                said = torch.stack([output.start_logits, output.end_logits], dim=1).float().cpu().numpy()
                for i, row in zip(which, said, strict=True):
                    found[i] = row[:, : lengths[i]]
            else:
                for i, row in zip(which, output.logits.float().cpu().numpy(), strict=True):
                    found[i] = row
    return found
