"""Fine-tuning all parameters of an encoder and its head, as appendix C of the paper does."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from reldistill.distillation.optimizer import linear_schedule, make_optimizer
from reldistill.evaluation.features import collate, shuffled_by_length

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from reldistill.eval_task import Encoded
    from reldistill.stop import Stop

__all__ = ["Recipe", "fine_tune"]

WARMUP, WEIGHT_DECAY = 0.1, 0.01
"""Of the steps; of the weights but biases and LayerNorm (appendix C)."""

BETA2, EPSILON, CLIP = 0.999, 1e-6, 1.0
"""Adam's, and the largest norm of a gradient: BERT's own fine-tuning."""


@dataclass(frozen=True)
class Recipe:
    """Peak learning rate, epochs, seed, features in a batch. Linear warm-up over a tenth of the steps, then linear decay."""

    learning_rate: float
    epochs: int
    seed: int
    batch_size: int


def fine_tune(
    model: PreTrainedModel,
    encoded: Encoded,
    recipe: Recipe,
    *,
    pad_token_id: int,
    device: torch.device,
    precision: torch.dtype,
    stop: Stop,
    on_step: Callable[[int, int], None] = lambda done, of: None,
    after_epoch: Callable[[int], None] = lambda epoch: None,
) -> list[float]:
    """Train in place; the mean loss of each epoch, NaN where it diverged, which ends the training.

    Dropout and order follow from ``recipe.seed``, which seeds torch's global generator. Weights stay in fp32, products are
    of ``precision``. ``after_epoch`` is told the number of each epoch, from 1. Raises ``Stopped`` at a step.
    """
    torch.manual_seed(recipe.seed)
    lengths = np.array([len(ids) for ids in encoded.input_ids])
    steps = recipe.epochs * math.ceil(len(encoded) / recipe.batch_size)
    optimizer = make_optimizer(
        model, learning_rate=recipe.learning_rate, beta2=BETA2, epsilon=EPSILON, weight_decay=WEIGHT_DECAY
    )
    schedule = linear_schedule(optimizer, warmup=max(1, round(WARMUP * steps)), steps=steps)
    losses: list[float] = []
    done = 0
    for epoch in range(1, recipe.epochs + 1):
        model.train()
        total = torch.zeros((), device=device)
        for which in shuffled_by_length(lengths, recipe.batch_size, recipe.seed * 1_000 + epoch):
            stop.check()
            batch = collate(encoded, which, pad_token_id, device)
            with torch.autocast(device.type, precision, enabled=precision != torch.float32):
                loss: Any = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            total += loss.detach() * len(which)
            done += 1
            on_step(done, steps)
        losses.append(float(total) / len(encoded))
        if not math.isfinite(losses[-1]):
            break
        after_epoch(epoch)
    return losses
