"""The training loop: global batches in, a trained student out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from reldistill.distillation.optimizer import schedule_behind
from reldistill.distillation.out_of_memory import OutOfMemory, release_memory
from reldistill.distillation.random_state import random_state, restore_random_state
from reldistill.distillation.ranks import PeerFailed, Ranks, others_may_end
from reldistill.distillation.skipped import SkippedUpdates
from reldistill.distillation.tokens import one_token, packed_tokens
from reldistill.errors import PluginError, ReldistillError, Stopped
from reldistill.out_of_memory import is_out_of_memory
from reldistill.relation import PairRelation
from reldistill.stop import Stop
from reldistill_loader import LoaderError

if TYPE_CHECKING:
    from torch.optim import AdamW
    from torch.optim.lr_scheduler import LambdaLR

    from reldistill.distillation.no_batches import NoBatches
    from reldistill.distillation.objective import Objective
    from reldistill.encoder import Encoder
    from reldistill_loader import Batch, Batches

__all__ = ["Trainer"]

T = TypeVar("T")


class Outcome(IntEnum):
    """Of what each rank tried; the gravest is that of all."""

    DONE = 0
    OUT_OF_MEMORY = 1
    STOPPED = 2
    DAMAGED_DATA = 3
    FAILED = 4


@dataclass
class Trainer:
    """Trains ``student`` on ``batches``, each of which is one global batch.

    A global batch is computed in parts of at most ``micro_batch_tokens`` tokens. Each part is divided by the number
    of sequences of the whole, so that its gradient is the same however it is cut.

    Several ranks compute a part of each global batch each; they sum their gradients, and do the same update.

    Whatever ends :meth:`run`, the trainer stands behind a whole step: a batch of which only a part was computed is
    taken back, with the random numbers that it drew, and is the next one again.
    """

    objective: Objective
    student: Encoder
    optimizer: AdamW
    schedule: LambdaLR
    batches: Batches | NoBatches
    device: torch.device
    micro_batch_tokens: int
    clip: float
    log_every: int
    max_skipped: int = 0
    stop: Stop = field(default_factory=Stop)
    announce: Callable[[str], None] = lambda message: None
    ranks: Ranks = field(default_factory=Ranks)
    lockstep: bool = False
    """The teacher's weights lie spread over the ranks: all must call it equally often, and none may leave in between."""
    step: int = 0
    tokens: int = 0
    skipped: SkippedUpdates = field(init=False)
    _asked_tokens: int = field(init=False)
    _spoiled: dict[str, Tensor] = field(default_factory=dict, init=False)
    """Relation with logits of its own -> in how many parts of this batch it made what is not finite of finite states."""

    def __post_init__(self) -> None:
        self.skipped = SkippedUpdates(self.max_skipped, owners=self.objective.sources)
        self._asked_tokens = self.micro_batch_tokens

    def run(self, steps: int, on_step: Callable[[int, dict[str, float] | None], None]) -> None:
        """Train until ``steps`` are done. ``on_step`` gets the step and, each ``log_every`` steps, its row.

        Raises:
            Stopped: somebody asked for it; between two parts of a batch at the latest.
            NotFinite: more updates in a row had to be left out than ``max_skipped``.
            PluginError: a plugin's relation does not do what it must, or is the cause of that.
            OutOfMemory: a single sequence is too much for the device.
            LoaderError: the corpus is damaged.
        """
        self.student.train()
        since, counted = time.perf_counter(), self.tokens
        while self.step < steps:
            learning_rate = float(self.schedule.get_last_lr()[0])
            total, terms, norm = self.train_on_next()
            row: dict[str, float] | None = None
            logged = self.step % self.log_every == 0 or self.step in (1, steps)
            if logged or self.device.type == "cpu":  # a CPU is never waited for
                self.look_at_skipped()
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

    def train_on_next(self) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """One optimiser step; the loss of the global batch, its terms, and the gradient's norm before clipping.

        All of them stay on the device, which is not waited for: the host goes on to lay out the next batch. The update
        is left out, by the optimiser itself, where loss or gradient are not finite; ``run`` counts these when it looks.
        """
        position = self.batches.state_dict()
        try:
            batch = self.agreed(self._next)
            total, terms = self.what_fits(lambda: self._accumulate(batch), max(batch.lengths, default=0))
        except BaseException:
            self.batches.load_state_dict(position)
            raise
        self._sum_over_ranks(total, terms)
        norm = clip_grad_norm_(self.student.parameters(), self.clip or math.inf)
        bad = ~(norm.isfinite() & total.isfinite())
        self.step += 1
        self.tokens += self.ranks.total(batch.tokens)
        self.skipped.note(self.step, batch.indices, bad, self._spoiled)
        self.optimizer.found_inf = bad.float()  # type: ignore[attr-defined]  # what the fused kernel looks at before it updates
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        return total, terms, norm

    def look_at_skipped(self) -> None:
        """Count the updates that were left out since the last look, which waits for the device.

        Raises :class:`NotFinite` or :class:`PluginError` where there were too many in a row.
        """
        for message in self.skipped.look():
            self.announce(message)

    def state(self) -> dict[str, Any]:
        """Where the training stands, beside the tensors, in plain values."""
        self.look_at_skipped()
        return {
            "step": self.step,
            "tokens": self.tokens,
            "micro_batch_tokens": {"asked": self._asked_tokens, "used": self.micro_batch_tokens},
            "skipped_in_a_row": self.skipped.in_a_row,
            "batches": self.batches.state_dict(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Stand where :meth:`state` was taken. The optimiser's own tensors are not among it.

        What was asked for otherwise since then holds: learning rate, schedule, tokens at once.
        Raises :class:`CorpusError` where the batches are of another corpus, seed or size.
        """
        self.batches.load_state_dict(state["batches"])
        self.step, self.tokens = int(state["step"]), int(state["tokens"])
        tokens = state["micro_batch_tokens"]
        self.micro_batch_tokens = int(tokens["used"]) if tokens["asked"] == self._asked_tokens else self._asked_tokens
        self.skipped = SkippedUpdates(self.max_skipped, int(state["skipped_in_a_row"]), self.objective.sources)
        self.schedule = schedule_behind(self.schedule, self.optimizer, self.step)

    def _next(self) -> Batch:
        self.stop.check()
        return next(self.batches)

    def what_fits(self, work: Callable[[], T], longest: int) -> T:
        """What ``work`` gives, on every rank; in smaller parts, from then on, where the device is too small.

        ``work`` cuts by ``micro_batch_tokens``, and may be done again: its gradients and random numbers are taken back.
        ``longest``: tokens of the longest sequence, which cannot be cut.
        """
        drawn = random_state(self.device)
        while True:
            try:
                return self.computed(work)
            except BaseException as error:
                self.optimizer.zero_grad(set_to_none=True)
                restore_random_state(drawn, self.device)
                if not is_out_of_memory(error):
                    raise
                if self.lockstep:
                    raise OutOfMemory(self.device, self.micro_batch_tokens, together=False) from error
                longest = self.ranks.largest(longest)
                if self.micro_batch_tokens <= longest:
                    raise OutOfMemory(self.device, longest) from error
            # Out here, where the error does not keep the tensors of that attempt alive any more.
            release_memory(self.device)
            self.micro_batch_tokens = max(longest, self.micro_batch_tokens // 2)
            self.announce(
                f"step {self.step + 1}: {self.device} is out of memory; {self.micro_batch_tokens:,} tokens at once from now on"
            )

    def _accumulate(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        total = torch.zeros((), device=self.device)
        terms = {relation.name: torch.zeros_like(total) for relation in self.objective.relations}
        others = [relation for relation in self.objective.relations if not isinstance(relation, PairRelation)]
        self._spoiled = {relation.name: torch.zeros_like(total) for relation in others}
        parts = batch.micro_batches(self.micro_batch_tokens)
        self.before_parts(len(parts))
        for part in parts:
            self.between_parts()
            loss = self.objective(self.student, packed_tokens(part, self.device), batch.global_sequences)
            loss.total.backward()
            total += loss.total.detach()
            for name, term in loss.terms.items():
                terms[name] += term
            for name, did in loss.spoiled.items():
                self._spoiled[name] += did
        return total, terms

    def computed(self, work: Callable[[], T]) -> T:
        """What ``work``, which calls the teacher, gives, on every rank. Raises as :meth:`agreed`, in lockstep on one alone."""
        if not self.lockstep:
            return self.agreed(work)
        with others_may_end():
            try:
                return work()
            except PluginError as error:
                error.said_by_another = False  # the others may never meet it
                raise

    def before_parts(self, parts: int) -> None:
        """In lockstep: call the teacher for nothing, as often as another rank has more parts than this one."""
        if self.lockstep:
            with torch.no_grad():
                for _ in range(self.ranks.largest(parts) - parts):
                    self.objective.teacher(one_token(self.device))

    def between_parts(self) -> None:
        """Where a stop may interrupt a batch; in lockstep it cannot."""
        if not self.lockstep:
            self.stop.check()

    def agreed(self, work: Callable[[], T]) -> T:
        """What ``work`` gives, on every rank; where it raises on one, all raise: the gravest that any of them met."""
        error: BaseException | None = None
        try:
            try:
                done = work()
            except BaseException as raised:
                error = raised
            met = Outcome.DONE if error is None else _outcome(error)
            of_all = self.ranks.largest(met)
            if of_all == Outcome.DONE:
                return done
            if of_all == Outcome.FAILED:
                self._settle_who_speaks(error if met == of_all else None)
            if error is not None and met == of_all:
                raise error
        finally:
            error = None  # it holds this frame, which held it: all tensors of that attempt would wait for the collector
        if of_all == Outcome.OUT_OF_MEMORY:
            raise MemoryError
        if of_all == Outcome.STOPPED:
            raise Stopped("a signal to another process of the run")
        raise PeerFailed(together=of_all == Outcome.DAMAGED_DATA)

    def _settle_who_speaks(self, error: BaseException | None) -> None:
        """Of the ranks that failed the lowest says it, also where that is not the first of all."""
        lowest = self.ranks.size - self.ranks.largest(0 if error is None else self.ranks.size - self.ranks.rank)
        if isinstance(error, ReldistillError) and not error.of_another:
            error.said_by_another = self.ranks.rank != lowest

    def _sum_over_ranks(self, total: Tensor, terms: dict[str, Tensor]) -> None:
        if self.ranks.size == 1:
            return
        trained = [p for p in self.student.parameters() if p.requires_grad]
        for parameter in trained:
            if parameter.grad is None:  # more ranks than sequences in the batch
                parameter.grad = torch.zeros_like(parameter)
        self.ranks.sum([p.grad for p in trained if p.grad is not None])
        self.ranks.sum([total, *terms.values(), *self._spoiled.values()])


def _outcome(error: BaseException) -> Outcome:
    if is_out_of_memory(error):
        return Outcome.OUT_OF_MEMORY
    kinds = ((Stopped, Outcome.STOPPED), (LoaderError, Outcome.DAMAGED_DATA))
    return next((outcome for kind, outcome in kinds if isinstance(error, kind)), Outcome.FAILED)
