"""The whole transformers model with its own attention, one sequence at a time: what adapters are held against."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING

import torch

from reldistill.encoder.load import encoder_of
from reldistill.testing.check import ConformanceError, ask
from reldistill.testing.teacher.tiny import EVERYTHING, packed

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor
    from transformers import PreTrainedModel

    from reldistill.states import AttentionStates
    from reldistill.teacher import TeacherAdapter

__all__ = ["plain_output", "whole_states"]

CONTRACT = (
    "Projections names what the model computes: the outputs of query, key and value, and the first argument of layer"
)
CHANGE = "Name the submodules of the model itself, not copies, and as layer the module whose first argument is the hidden states."


def whole_states(model: PreTrainedModel, adapter: TeacherAdapter) -> Callable[[Tensor], dict[int, AttentionStates]]:
    """A function from the ids of one sequence to layer -> its states, all layers of the uncut model."""
    model.set_attn_implementation("eager")
    layers = range(1, int(model.config.num_hidden_layers) + 1)
    encoder = ask(
        "projections(model, layer) of a whole model",
        lambda: encoder_of(model, adapter, layers, EVERYTHING),
        CONTRACT,
        "Look the names of the modules up in the family's modeling file; layers count from 1.",
    )
    offset = adapter.position_offset(model.config)

    def run(ids: Tensor) -> dict[int, AttentionStates]:
        with torch.no_grad():
            found: dict[int, AttentionStates] = ask(
                "the whole model, with what projections() names watched,",
                lambda: encoder(packed([ids], offset)),
                CONTRACT,
                CHANGE,
            )
        for layer, states in found.items():
            absent = EVERYTHING - {name for name, _ in states.present()}
            if absent:
                raise ConformanceError(
                    f"the whole model computes no {', '.join(sorted(absent))} by what projections() names in layer {layer}",
                    CONTRACT,
                    CHANGE,
                )
        return found

    return run


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
