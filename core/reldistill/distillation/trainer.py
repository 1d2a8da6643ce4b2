"""The training loop: global batches in, a trained student out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from reldistill.distillation.tokens import packed_tokens
from reldistill.errors import ReldistillError

if TYPE_CHECKING:
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
    first_bad: Tensor = field(init=False)
    """The first step whose gradient was not finite, on the device; 0 while there is none."""
    _since_checked: dict[int, list[int]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.first_bad = torch.zeros((), dtype=torch.int64, device=self.device)

    def run(self, steps: int, on_step: Callable[[int, dict[str, float] | None], None]) -> None:
        """Train until ``steps`` are done. ``on_step`` gets the step and, each ``log_every`` steps, its row."""
        self.student.train()
        since, counted = time.perf_counter(), self.tokens
        while self.step < steps:
            learning_rate = float(self.schedule.get_last_lr()[0])
            total, terms, norm = self.train_on(next(self.batches))
            row: dict[str, float] | None = None
            logged = self.step % self.log_every == 0 or self.step in (1, steps)
            if logged or self.device.type == "cpu":  # a CPU is never waited for
                self._check_gradient()
            if logged:
                now = time.perf_counter()
                row = {
                    "step": self.step,
                    "loss": float(total),  # waits for the device, for the sake of the log: the one place in the loop
                    **{f"loss/{name}": float(term) for name, term in terms.items()},
                    "learning_rate": learning_rate,
                    "tokens": self.tokens,
                    "tokens_per_second": (self.tokens - counted) / (now - since),
                    "grad_norm": float(norm),
                }
            on_step(self.step, row)
            if row is not None:
                since, counted = time.perf_counter(), self.tokens  # what a listener does is not training

    def train_on(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """One optimiser step; the loss of the global batch, its terms, and the gradient's norm before clipping.

        All of them stay on the device, which is not waited for: the host goes on to lay out the next batch. The update
        is left out, by the optimiser itself, where the gradient is not finite; ``run`` ends at its next look at it.
        """
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
        bad = ~norm.isfinite()
        self.step += 1
        self.first_bad = torch.where(bad & (self.first_bad == 0), self.step, self.first_bad)
        self._since_checked[self.step] = batch.indices.tolist()
        self.optimizer.found_inf = bad.float()  # type: ignore[attr-defined]  # what the fused kernel looks at before it updates
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        return total, terms, norm

    def _check_gradient(self) -> None:
        """Waits for the device. Raises :class:`ReldistillError` if a gradient was not finite since the last look."""
        if bad := int(self.first_bad):
            raise ReldistillError(
                f"step {bad}: the gradient is not finite; the student was not updated with it",
                hint=f"Sequences {_some(self._since_checked[bad])} of the corpus are in that batch. "
                "A smaller --learning-rate, a longer --warmup or --precision fp32 usually helps.",
            )
        self._since_checked.clear()


def _some(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:8])) + (", …" if len(numbers) > 8 else "")
