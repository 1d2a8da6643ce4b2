"""Whether another distribution's adapter keeps its word, found out on no weights and on one token before a run begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from reldistill.distillation.random_state import random_state, restore_random_state
from reldistill.distillation.tokens import one_token
from reldistill.encoder.load import model_class
from reldistill.errors import BrokenContract

if TYPE_CHECKING:
    from transformers import PretrainedConfig

    from reldistill.encoder import Encoder
    from reldistill.teacher import TeacherAdapter

__all__ = ["check_cut", "check_states"]


def check_cut(adapter: TeacherAdapter, config: PretrainedConfig, layers: Sequence[int]) -> None:
    """Raise :class:`BrokenContract` where parameters of the cut model have other names or shapes than before.

    Their weights would not be found, as if the checkpoint lacked them.
    """
    with torch.device("meta"):
        model = model_class(config)(config)
        before = {name: parameter.shape for name, parameter in model.named_parameters()}
        adapter.cut(model, layers)
    changed = sorted(name for name, parameter in model.named_parameters() if before.get(name) != parameter.shape)
    if changed:
        raise BrokenContract(
            f"the adapter {adapter.name!r}: behind cut() the parameter {changed[0]} has a name or a shape that it had not before",
            hint="cut() removes what is not needed; what stays keeps its name, so that its weights are found.",
        )


def check_states(
    adapter: TeacherAdapter,
    encoder: Encoder,
    needs: frozenset[str],
    relation_heads: int,
    device: torch.device,
    precision: torch.dtype,
) -> None:
    """Raise :class:`BrokenContract` where a state of a layer is missing, or has a width that it cannot have.

    One token goes through the encoder; torch's generators are left as they were, and so is its mode.
    """
    training, drawn = encoder.training, random_state(device)
    encoder.eval()
    try:
        with torch.no_grad(), torch.autocast(device.type, precision, enabled=precision != torch.float32):
            found = encoder(one_token(device))
    finally:
        encoder.train(training)
        restore_random_state(drawn, device)
    for layer, states in found.items():
        there = dict(states.present())
        for name in sorted(needs - there.keys()):
            raise _wrong(
                adapter,
                f"gave no {name} of layer {layer}",
                "The module that its projections() names is not one that the cut model calls.",
            )
        widths = {name: int(state.shape[1]) for name, state in there.items() if name != "hidden"}
        if len(set(widths.values())) > 1:
            said = ", ".join(f"{name} {width}" for name, width in widths.items())
            raise _wrong(
                adapter,
                f"gave projections of different widths for layer {layer}: {said}",
                "Query, key and value are equally wide.",
            )
        if any(width % relation_heads for width in widths.values()):
            raise _wrong(
                adapter,
                f"gave projections of width {max(widths.values())} for layer {layer}, which {relation_heads} relation heads do "
                "not divide, though they divide the hidden_size of its configuration",
                "projections() must name the modules whose outputs are query, key and value.",
            )


def _wrong(adapter: TeacherAdapter, what: str, hint: str) -> BrokenContract:
    return BrokenContract(f"the adapter {adapter.name!r} {what}", hint=hint)
