"""What an attention backend is, and how transformers comes to know it.

Shape letters: T tokens of the batch, h attention heads, d width of a head.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface

from reldistill.encoder.attention.packing import PACKING, Packing

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Backend", "PackedAttention"]

PackedAttention = Callable[[Tensor, Tensor, Tensor, Packing, float, float], Tensor]
"""``(query, key, value, packing, scale, dropout)``: ``[1, h, T, d]`` each in, ``[1, T, h, d]`` out.

No sequence sees another, and with ``packing.reach`` no token one that is further away. ``scale`` multiplies the logits;
``dropout`` falls on the probabilities, 0 outside training.
"""


def _runs_anywhere(_device: torch.device, _dtype: torch.dtype, _head_width: int) -> str | None:
    return None


@dataclass(frozen=True)
class Backend:
    """A way to compute attention on packed tokens.

    ``name`` is what ``--attention`` takes, ``registered`` the name in transformers. ``reason`` gets device, dtype and
    the width of a head, and says why the backend does not run there; None where it does. It may import and try what
    it needs, so it is called only for a backend that is asked for.
    """

    name: str
    registered: str
    attend: PackedAttention
    reason: Callable[[torch.device, torch.dtype, int], str | None] = _runs_anywhere

    def register(self) -> None:
        """Make it known to transformers, mask function included: without one transformers would pass no mask at all."""
        AttentionInterface.register(self.registered, self._in_transformers)
        AttentionMaskInterface.register(self.registered, _no_mask)

    def _in_transformers(
        self,
        _module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None,
        dropout: float = 0.0,
        scaling: float | None = None,
        **kwargs: Any,
    ) -> tuple[Tensor, None]:
        packing: Packing | None = kwargs.get(PACKING)
        if packing is None or attention_mask is not None:
            raise ValueError(
                f"packed attention needs the keyword {PACKING} and no mask: without them sequences would see each other"
            )
        scale = query.shape[-1] ** -0.5 if scaling is None else scaling
        # A layer's window comes as the number of tokens that one sees to one side, itself among them.
        window: int | None = kwargs.get("sliding_window")
        packing = packing.within(None if window is None else window - 1)
        return self.attend(query, key, value, packing, scale, dropout), None


def _no_mask(*_: Any, attention_mask: Tensor | None = None, **__: Any) -> Tensor | None:
    """Packed rows have no padding; a mask that somebody passes is handed on, so that the backend can refuse it."""
    return attention_mask
