"""The processes that train together: which of them this is, and what they agree on.

torchrun starts them and says in the environment which is which; a process alone needs nothing of it. Gradients are summed
by one call behind the backward pass, not by DistributedDataParallel within it: whether somebody wants to stop or is out of
memory can then be agreed on before any rank waits for another one's gradient.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from reldistill.distillation.meeting import meet
from reldistill.errors import ReldistillError, Stopped, in_one_line

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["PeerEnded", "PeerFailed", "Ranks", "others_may_end", "training_together"]

T = TypeVar("T")

PATIENCE = timedelta(days=2)
"""How long a rank waits for another, which may be making the corpus. One that died is noticed at once."""


class Ranks:
    """``rank`` of ``size`` processes. With one process all of it is free."""

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank = rank
        self.size = size

    @property
    def first(self) -> bool:
        """Whether this is the one that writes and speaks."""
        return self.rank == 0

    def largest(self, number: int) -> int:
        """The largest number that any rank gives. All ranks must call this, and all that follows, in the same order."""
        if self.size == 1:
            return number
        shared = torch.tensor(number)
        with _told():
            dist.all_reduce(shared, dist.ReduceOp.MAX)
        return int(shared)

    def total(self, number: int) -> int:
        """The sum of what the ranks give."""
        if self.size == 1:
            return number
        shared = torch.tensor(number)
        with _told():
            dist.all_reduce(shared)
        return int(shared)

    def sum(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all ranks, the same bits on each; all are of one dtype and device."""
        if self.size == 1 or not tensors:
            return
        row = torch.cat([tensor.reshape(-1) for tensor in tensors])
        with _told():
            dist.all_reduce(row)
        for tensor, part in zip(tensors, row.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def take_from_the_first(self, model: nn.Module) -> None:
        """Give all ranks the first one's parameters, in place: machines of two kinds draw different ones from one seed."""
        if self.size > 1:
            with _told():
                for parameter in model.parameters():
                    dist.broadcast(parameter.data, src=0)

    def gather(self, value: T) -> list[T]:
        """What each rank gives, in their order, on each rank."""
        if self.size == 1:
            return [value]
        found: list[T] = [value] * self.size
        with _told():
            dist.all_gather_object(found, value)
        return found

    def of_the_first(self, work: Callable[[], T]) -> T:
        """What the work gives on the first rank, on each of them; the others do not do it. Must be picklable.

        Raises :class:`PeerFailed` on the others, where it raises on the first.
        """
        if self.size == 1:
            return work()
        told: list[tuple[bool, T] | None] = [None]
        if self.first:
            try:
                done = work()
            except BaseException:
                self._broadcast([(False, None)])
                raise
            self._broadcast([(True, done)])
            return done
        self._broadcast(told)
        assert told[0] is not None, "broadcasting fills it"
        succeeded, value = told[0]
        if not succeeded:
            raise PeerFailed
        return value

    def one_after_the_first(self, work: Callable[[], T]) -> T:
        """Do what writes to a place that all share: the first rank does it, then the others, who find it done.

        Raises :class:`PeerFailed` on the others, who do not begin, where it raises on the first.
        """
        if not self.first:
            self.of_the_first(lambda: None)
            return work()
        mine: list[T] = []

        def first_of_all() -> None:
            mine.append(work())

        self.of_the_first(first_of_all)
        return mine[0]

    def _broadcast(self, value: list[Any]) -> None:
        with _told():
            dist.broadcast_object_list(value, src=0)


class PeerFailed(ReldistillError):
    """Another rank raised; it says why. ``together``: it waits for this one to save what had been trained."""

    of_another = True

    def __init__(self, together: bool = False) -> None:
        super().__init__("another process of this run failed; its message says why")
        self.together = together

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.together,)


@contextmanager
def training_together(device: torch.device) -> Iterator[Ranks]:
    """The ranks that torchrun started, for as long as the context lasts; one alone where it did not."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Ranks()
        return
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    # Numbers, flags and objects are agreed on by gloo, also beside NCCL.
    backends = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    store, rank, size = next(rendezvous("env://"))
    dist.init_process_group(backends, store=meet(store, rank, size), rank=rank, world_size=size, timeout=PATIENCE)
    try:
        try:
            yield Ranks(dist.get_rank(), size)
        except Stopped as stopped:
            if stopped.saved_step is not None:  # together, then
                dist.barrier()
            raise
        dist.barrier()  # gloo aborts where a process leaves while others still speak
    finally:
        dist.destroy_process_group()


class PeerEnded(ReldistillError):
    """Another rank does not answer any more: it was killed, or its machine failed."""

    def __init__(self, said: str) -> None:
        super().__init__(
            f"another process of this run has ended: {said}",
            hint="The same command goes on from the newest checkpoint; torchrun does so by itself with --max-restarts.",
        )
        self.said = said

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.said,)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise PeerEnded(in_one_line(error)) from error


@contextmanager
def others_may_end() -> Iterator[None]:
    """For work that speaks with other ranks by itself, as a sharded teacher does: :class:`PeerEnded` where one is gone."""
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, dist.DistError) or "gloo" in str(error):  # gloo has no class of its own
            raise PeerEnded(in_one_line(error)) from error
        raise
