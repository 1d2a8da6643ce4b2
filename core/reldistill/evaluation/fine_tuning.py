"""Fine-tuning all parameters of an encoder and its head, as appendix C of the paper does."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from reldistill.distillation.optimizer import linear_schedule, make_optimizer, schedule_behind
from reldistill.distillation.random_state import random_state, restore_random_state
from reldistill.evaluation.features import collate, shuffled_by_length

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from reldistill.eval_task import Encoded
    from reldistill.stop import Stop

__all__ = ["FineTuning", "Recipe"]

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


class FineTuning:
    """Trains a model in place. What it has done can be saved at each step and be gone on with, to the same weights.

    Dropout and order follow from ``recipe.seed``, which seeds torch's global generator here. Weights stay in fp32,
    products are of ``precision``. ``losses``: the mean of each epoch, NaN where it diverged, which ends the training.
    ``done``: steps so far.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        encoded: Encoded,
        recipe: Recipe,
        *,
        pad_token_id: int,
        device: torch.device,
        precision: torch.dtype,
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.losses: list[float] = []
        self.done = 0
        self._model, self._encoded, self._recipe = model, encoded, recipe
        self._pad, self._device, self._precision = pad_token_id, device, precision
        self._steps_an_epoch = math.ceil(len(encoded) / recipe.batch_size)
        self._steps = recipe.epochs * self._steps_an_epoch
        self._optimizer = make_optimizer(
            model, learning_rate=recipe.learning_rate, beta2=BETA2, epsilon=EPSILON, weight_decay=WEIGHT_DECAY
        )
        self._schedule = linear_schedule(self._optimizer, warmup=max(1, round(WARMUP * self._steps)), steps=self._steps)
        self._total = torch.zeros((), device=device)

    def run(
        self,
        stop: Stop,
        *,
        on_step: Callable[[int, int], None] = lambda done, of: None,
        after_epoch: Callable[[int], None] = lambda epoch: None,
    ) -> None:
        """Train to the end. ``after_epoch`` is told the number of each epoch, from 1, before the next one begins.

        Raises ``Stopped`` before a step.
        """
        for epoch in range(1, self._recipe.epochs + 1):
            if epoch <= len(self.losses) or not all(map(math.isfinite, self.losses)):
                continue
            self._train(epoch, stop, on_step)
            loss = float(self._total) / len(self._encoded)
            if math.isfinite(loss):
                after_epoch(epoch)
            # Behind it: where that was stopped, the epoch counts as not ended, and it is called again.
            self.losses.append(loss)
            self._total.zero_()

    def _train(self, epoch: int, stop: Stop, on_step: Callable[[int, int], None]) -> None:
        lengths = np.array([len(ids) for ids in self._encoded.input_ids])
        batches = shuffled_by_length(lengths, self._recipe.batch_size, self._recipe.seed * 1_000 + epoch)
        self._model.train()
        for which in batches[self.done - (epoch - 1) * self._steps_an_epoch :]:
            stop.check()
            batch = collate(self._encoded, which, self._pad, self._device)
            with torch.autocast(self._device.type, self._precision, enabled=self._precision != torch.float32):
                loss: Any = self._model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._model.parameters(), CLIP)
            self._optimizer.step()
            self._schedule.step()
            self._optimizer.zero_grad(set_to_none=True)
            self._total += loss.detach() * len(which)
            self.done += 1
            on_step(self.done, self._steps)

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers and names: all that :meth:`run` depends on."""
        return {
            "model": self._model.state_dict(), "optimizer": self._optimizer.state_dict(), "done": self.done,
            "total": self._total, "losses": list(self.losses), "random": random_state(self._device),
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there. Raises KeyError, RuntimeError or ValueError for what was saved of another fine-tuning."""
        self._model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.done, self.losses = int(state["done"]), list(state["losses"])
        self._total = state["total"].to(self._device)
        self._schedule = schedule_behind(self._schedule, self._optimizer, self.done)
        restore_random_state(state["random"], self._device)
