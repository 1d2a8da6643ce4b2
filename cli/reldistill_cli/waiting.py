"""How threads of torch wait on a CPU while those of our kernels work."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["short_waits"]


def short_waits(environment: Mapping[str, str]) -> dict[str, str]:
    """What to add to the environment, before torch is loaded, so that threads that wait soon leave their core.

    torch's threads run in circles for some milliseconds when they have no work, as GNU's OpenMP does unless it is told
    otherwise, and take a core from our kernels' threads, which come next. 20,000 rounds are some tenths of a millisecond:
    enough from one operation of torch to the next. Nothing where the user has said how to wait.
    """
    chosen = "OMP_WAIT_POLICY" in environment or "GOMP_SPINCOUNT" in environment
    return {} if chosen else {"GOMP_SPINCOUNT": "20000"}
