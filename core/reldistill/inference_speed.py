"""How fast models run, side by side."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["Speed", "inference_speed"]


@dataclass(frozen=True)
class Speed:
    """Sequences a second: median, slowest and fastest of the rounds."""

    median: float
    slowest: float
    fastest: float


def inference_speed(
    models: Mapping[str, PreTrainedModel], *, batch: int = 16, length: int = 128, rounds: int = 7
) -> dict[str, Speed]:
    """Whole models in fp32 on random tokens ``[batch, length]``, in turns, after one round that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in models}
    vocabulary = min(model.config.vocab_size for model in models.values())
    input_ids = torch.randint(5, vocabulary, (batch, length), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        for round_ in range(rounds + 1):
            for name, model in models.items():
                start = time.perf_counter()
                model(input_ids)
                if round_:
                    times[name].append(time.perf_counter() - start)
    return {name: Speed(batch / median(spent), batch / max(spent), batch / min(spent)) for name, spent in times.items()}
