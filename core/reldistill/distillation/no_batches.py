"""What a run of no step trains on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NoBatches"]


class NoBatches:
    """Batches that there are none of: with ``--steps 0`` no corpus is opened."""

    def __iter__(self) -> NoBatches:
        return self

    def __next__(self) -> NoReturn:
        raise StopIteration

    def state_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to go back to."""
