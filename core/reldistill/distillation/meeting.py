"""Where the processes of one attempt meet: behind names in torchrun's store that no earlier attempt has used.

torchrun keeps one store for all attempts of a run, and torch reads from it the addresses at which its processes listen.
After a restart those of processes that are dead are still there: who reads them first fails to connect, or waits for ever.
TORCHELASTIC_RESTART_COUNT does not tell the attempts apart, for each machine counts its own failures only.
"""

from __future__ import annotations

import time
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from torch.distributed.distributed_c10d import PrefixStore

from reldistill.errors import ReldistillError

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store

__all__ = ["meet"]

PATIENCE = timedelta(minutes=30)
PAUSE = 0.02  # seconds


def meet(store: Store, rank: int, size: int, patience: timedelta = PATIENCE) -> Store:
    """A part of the store that the ``size`` processes that call this now have for themselves, and nobody before them.

    Each says who it is by a name of its own; the first repeats the names that it sees together with one for the attempt,
    until all have answered to it. What dead processes said is overwritten by those that stand in their place.

    Raises :class:`ReldistillError` where not all of them come in time.
    """
    deadline = time.monotonic() + patience.total_seconds()
    attempt, name = uuid.uuid4().hex, uuid.uuid4().hex
    here = [f"reldistill/here/{other}" for other in range(size)]
    answered = [f"answered/{other}" for other in range(size)]
    own: Store | None = None
    store.set(here[rank], name)
    while True:
        if rank == 0 and store.check(here):
            store.set("reldistill/attempt", " ".join((attempt, *(_read(store, key) for key in here))))
        if own is None and store.check(["reldistill/attempt"]):
            seen, *names = _read(store, "reldistill/attempt").split()
            if len(names) == size and names[rank] == name:
                own = PrefixStore(f"reldistill/{seen}", store)
                own.set(answered[rank], "")
        if own is not None and (rank != 0 or own.check(answered)):
            return own
        if time.monotonic() > deadline:
            raise ReldistillError(
                f"not all processes of this run have started within {patience.total_seconds() / 60:g} minutes",
                hint="Look at what the others printed, and whether all machines reach MASTER_ADDR at MASTER_PORT.",
            )
        time.sleep(PAUSE)


def _read(store: Store, key: str) -> str:
    return store.get(key).decode()
