"""Early stopping: the weights of the epoch that scored best on the rows that choose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["BestEpoch"]


class BestEpoch:
    """``epoch`` 0: none yet. ``score`` None: not defined in that epoch; of equals the earlier one is kept."""

    def __init__(self) -> None:
        self.epoch = 0
        self.score: float | None = None
        self._weights: dict[str, Tensor] = {}

    def offer(self, epoch: int, score: float | None, model: PreTrainedModel) -> None:
        """Keep a copy of the weights in main memory, if they are the best so far."""
        if not self.epoch or (score is not None and (self.score is None or score > self.score)):
            self.epoch, self.score = epoch, score
            self._weights = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}

    def put_into(self, model: PreTrainedModel) -> None:
        """Give the model the weights of that epoch."""
        model.load_state_dict(self._weights)

    def state_dict(self) -> dict[str, Any]:
        """Tensors and numbers."""
        return {"epoch": self.epoch, "score": self.score, "weights": self._weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The other way round. Raises KeyError."""
        self.epoch, self.score, self._weights = state["epoch"], state["score"], state["weights"]
