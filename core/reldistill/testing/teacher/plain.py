"""The plain transformers model, one sequence at a time: what adapters are held against."""

from __future__ import annotations

from functools import partial
from inspect import signature
from typing import TYPE_CHECKING, Any

import torch

from reldistill.testing.check import ConformanceError

if TYPE_CHECKING:
    from torch import Tensor, nn
    from transformers import PreTrainedModel

    from reldistill.teacher import TeacherAdapter

__all__ = ["plain_output", "plain_states"]


def plain_states(
    model: PreTrainedModel, adapter: TeacherAdapter, ids: Tensor, positions: Tensor
) -> dict[tuple[int, str], Tensor]:
    """(layer, state) -> ``[tokens, width]`` of one sequence, by hooks on what the adapter says are its projections."""
    seen: dict[tuple[int, str], Tensor] = {}

    def keep(key: tuple[int, str], tensor: Tensor) -> None:
        seen[key] = tensor[0].detach()

    def keep_output(key: tuple[int, str], _module: nn.Module, _inputs: Any, output: Tensor) -> None:
        keep(key, output)

    def keep_input(key: tuple[int, str], _module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if not inputs:
            raise ConformanceError(
                "Projections.layer is called without positional arguments",
                "the first argument of the layer is its input, the state hidden",
                "Name the module whose first argument the hidden states are.",
            )
        keep(key, inputs[0])

    handles = []
    layers = range(1, int(model.config.num_hidden_layers) + 1)
    try:
        for layer in layers:
            modules = adapter.projections(model, layer)
            for kind in ("query", "key", "value"):
                module = getattr(modules, kind)
                handles.append(module.register_forward_hook(partial(keep_output, (layer, kind))))
            handles.append(modules.layer.register_forward_pre_hook(partial(keep_input, (layer, "hidden"))))
        plain_output(model, ids, positions)
    finally:
        for handle in handles:
            handle.remove()
    lacking = [
        f"{kind} of layer {n}" for n in layers for kind in ("query", "key", "value", "hidden") if (n, kind) not in seen
    ]
    if lacking:
        raise ConformanceError(
            f"the plain model never calls the module of {lacking[0]}",
            "Projections names modules that the model calls, whose outputs are its query, key and value",
            "Name the submodules of the model itself, not copies of them.",
        )
    return seen


def plain_output(model: PreTrainedModel, ids: Tensor, positions: Tensor | None = None) -> Tensor:
    """The last hidden states ``[tokens, width]`` of one sequence; by default with the model's own positions."""
    if "position_ids" not in signature(model.forward).parameters:
        raise ConformanceError(
            f"{type(model).__name__} takes no position_ids",
            "in a packed batch positions begin anew in each sequence, so the model must be told them",
            "Encoders whose positions cannot be given are not served; leave the model type out.",
        )
    extra = {} if positions is None else {"position_ids": positions[None]}
    with torch.no_grad():
        output: Tensor = model(input_ids=ids[None], **extra).last_hidden_state[0]
    return output
