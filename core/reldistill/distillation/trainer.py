"""The training loop: global batches in, a trained student out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn.utils import clip_grad_norm_

from reldistill.distillation.tokens import packed_tokens
from reldistill.errors import ReldistillError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import AdamW
    from torch.optim.lr_scheduler import LambdaLR

    from reldistill.distillation.objective import Objective
    from reldistill.encoder import Encoder
    from reldistill_loader import Batch

__all__ = ["Trainer"]


@dataclass
class Trainer:
    """Trains ``student`` on ``batches``, each of which is one global batch.

    A global batch is computed in parts of at most ``micro_batch_tokens`` tokens. Each part is divided by the number
    of sequences of the whole, so that its gradient is the same however it is cut.
    """

    objective: Objective
    student: Encoder
    optimizer: AdamW
    schedule: LambdaLR
    batches: Iterator[Batch]
    device: torch.device
    micro_batch_tokens: int
    clip: float
    log_every: int
    step: int = 0
    tokens: int = 0

    def run(self, steps: int, on_step: Callable[[int, dict[str, float] | None], None]) -> None:
        """Train until ``steps`` are done. ``on_step`` gets the step and, each ``log_every`` steps, its row."""
        self.student.train()
        since, counted = time.perf_counter(), self.tokens
        while self.step < steps:
            learning_rate = float(self.schedule.get_last_lr()[0])
            total, terms, norm = self.train_on(next(self.batches))
            row: dict[str, float] | None = None
            if self.step % self.log_every == 0 or self.step in (1, steps):
                now = time.perf_counter()
                row = {
                    "step": self.step,
                    "loss": float(total),  # the one place that waits for the device for the sake of a log
                    **{f"loss/{name}": float(term) for name, term in terms.items()},
                    "learning_rate": learning_rate,
                    "tokens": self.tokens,
                    "tokens_per_second": (self.tokens - counted) / (now - since),
                    "grad_norm": norm,
                }
            on_step(self.step, row)
            if row is not None:
                since, counted = time.perf_counter(), self.tokens  # what a listener does is not training

    def train_on(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor], float]:
        """One optimiser step; the loss of the global batch, its terms, and the gradient's norm before clipping."""
        total = torch.zeros((), device=self.device)
        terms: dict[str, Tensor] = {}
        for part in batch.micro_batches(self.micro_batch_tokens):
            tokens = packed_tokens(part, self.device)
            loss = self.objective(self.student, tokens, batch.global_sequences)
            loss.total.backward()
            total += loss.total.detach()
            for name, term in loss.terms.items():
                terms[name] = terms.get(name, torch.zeros_like(term)) + term
            self.tokens += sum(tokens.lengths)
        norm = clip_grad_norm_(self.student.parameters(), self.clip or math.inf)
        # Waits for the device: an update with a gradient that is not finite would spoil the student for good.
        if not math.isfinite(float(norm)):
            raise ReldistillError(
                f"step {self.step + 1}: the gradient is not finite (loss {float(total)}); the student was not updated",
                hint=f"Sequences {_some(batch.indices.tolist())} of the corpus are in that batch. "
                "A smaller --learning-rate, a longer --warmup or --precision fp32 usually helps.",
            )
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return total, terms, float(norm)


def _some(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:8])) + (", …" if len(numbers) > 8 else "")
