"""A cut transformers model that gives the attention states of chosen layers.

Shape letters: T tokens of the batch, D width of a projection.
"""

from __future__ import annotations

from functools import partial
from inspect import signature
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from reldistill.encoder.attention import PACKING, Packing
from reldistill.projections import ProjectionsOnly
from reldistill.states import AttentionStates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor
    from transformers import PreTrainedModel

    from reldistill.encoder.packed_tokens import PackedTokens
    from reldistill.teacher import Projections

__all__ = ["Encoder"]


class Encoder(nn.Module):
    """Runs ``model``, which an adapter has cut, and returns what its projections gave.

    Args:
        model: the cut model, with one of :data:`reldistill.encoder.ATTENTION_BACKENDS`.
        projections: layer (from 1) -> its projections in the cut model. They are looked at as they are computed, before
            any rotation.
        needs: the states to capture, of ``{"query", "key", "value", "hidden"}``. Of a layer of which only
            projections are left, those that are not needed are dropped.
    """

    def __init__(self, model: PreTrainedModel, projections: Mapping[int, Projections], needs: frozenset[str]) -> None:
        super().__init__()
        self.model = model
        self.layers = tuple(projections)
        self._captured: dict[tuple[int, str], Tensor] = {}
        self._takes_token_types = "token_type_ids" in signature(model.forward).parameters
        for layer, modules in projections.items():
            for kind in needs - {"hidden"}:
                modules.listen(kind, partial(self._capture_projection, layer, kind))
            if "hidden" in needs:
                modules.layer.register_forward_pre_hook(partial(self._capture_input, layer))
            if isinstance(modules.layer, ProjectionsOnly):
                modules.layer.keep(needs)

    def forward(self, tokens: PackedTokens) -> dict[int, AttentionStates]:
        """Layer -> its states, ``[T, D]``."""
        inputs: dict[str, Any] = {"input_ids": tokens.input_ids[None], "position_ids": tokens.position_ids[None]}
        if self._takes_token_types:
            inputs["token_type_ids"] = torch.zeros_like(inputs["input_ids"])
        self._captured.clear()
        try:
            self.model(**inputs, **{PACKING: Packing(tokens.lengths, tokens.cu_seqlens)})
            return {layer: self._states(layer, tokens) for layer in self.layers}
        finally:
            self._captured.clear()

    def _states(self, layer: int, tokens: PackedTokens) -> AttentionStates:
        query, key, value, hidden = (self._captured.get((layer, name)) for name in ("query", "key", "value", "hidden"))
        return AttentionStates(query, key, value, hidden, tokens.cu_seqlens, tokens.lengths)

    def _capture_projection(self, layer: int, kind: str, output: Tensor) -> None:
        self._captured[layer, kind] = output[0]

    def _capture_input(self, layer: int, _module: nn.Module, inputs: tuple[Any, ...]) -> None:
        self._captured[layer, "hidden"] = inputs[0][0]
