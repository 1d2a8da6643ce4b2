"""Which modules the projections are: held against what the model hands to its attention."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from reldistill.encoder.attention.backend import Backend
from reldistill.encoder.attention.eager import plain_attention
from reldistill.encoder.load import encoder_of
from reldistill.encoder.quiet import quiet_transformers
from reldistill.testing.check import ConformanceError, ask
from reldistill.testing.teacher.tiny import EVERYTHING, SHAPE, make_tiny, packed, sequences

if TYPE_CHECKING:
    from torch import Tensor

    from reldistill.encoder.attention import Packing
    from reldistill.teacher import TeacherAdapter

__all__ = ["check_projections"]

RECORDER = "reldistill_testing_recorder"
"""The name in transformers of an attention that keeps what it is given."""

CONTRACT = (
    "Projections holds the modules of that layer whose outputs [..., width] are its query, key and value, heads concatenated, "
    "before any rotation"
)
KINDS = ("query", "key", "value")


def check_projections(adapter: TeacherAdapter, model_type: str) -> None:
    """On a whole model, layer by layer.

    Lengths of the heads' vectors are compared: a rotation by position leaves them as they are, and a scale is allowed for.
    """
    given: list[tuple[Tensor, Tensor, Tensor]] = []

    def attend(query: Tensor, key: Tensor, value: Tensor, packing: Packing, scale: float, dropout: float) -> Tensor:
        given.append((query, key, value))
        return plain_attention(query, key, value, packing, scale, dropout)

    Backend("recorder", RECORDER, attend).register()
    with quiet_transformers():
        model = make_tiny(adapter, model_type)
        model.set_attn_implementation(RECORDER)
    layers = range(1, SHAPE.layers + 1)
    encoder = ask(
        "projections(model, layer) of a whole model",
        lambda: encoder_of(model, adapter, layers, EVERYTHING),
        CONTRACT,
        "Look the names of the modules up in the family's modeling file; layer counts from 1.",
    )
    with torch.no_grad():
        states = encoder(packed(sequences(model.config), adapter.position_offset(model.config)))
    if len(given) != len(layers):
        raise ConformanceError(
            f"{len(layers)} layers called transformers' AttentionInterface {len(given)} times",
            "each layer attends by AttentionInterface, which is where packed sequences are kept apart",
            "A model type whose attention does not go through it cannot be served.",
        )
    for layer, tensors in zip(layers, given, strict=True):
        for kind, attended in zip(KINDS, tensors, strict=True):
            found = getattr(states[layer], kind)
            if not _same_lengths(found, attended):
                others = [
                    f"the {other} of layer {at}"
                    for at, theirs in zip(layers, given, strict=True)
                    for other, tensor in zip(KINDS, theirs, strict=True)
                    if _same_lengths(found, tensor)
                ]
                raise ConformanceError(
                    f"what projections() calls the {kind} of layer {layer} is "
                    + (others[0] if others else "not what the attention of that layer is given"),
                    CONTRACT,
                    "Name the right module; layers count from 1, so the first is model.…layer[0].",
                )


def _same_lengths(state: Tensor | None, attended: Tensor) -> bool:
    """``[T, heads · d]`` and ``[1, heads, T, d]``: the same lengths of heads, up to one factor."""
    _, heads, tokens, width = attended.shape
    if state is None or tuple(state.shape) != (tokens, heads * width):
        return False
    ours = state.view(tokens, heads, width).norm(dim=-1)
    theirs = attended[0].norm(dim=-1).T
    factor = (ours * theirs).sum() / theirs.square().sum().clamp_min(1e-12)
    return torch.allclose(ours, factor * theirs, rtol=1e-3, atol=1e-4)
