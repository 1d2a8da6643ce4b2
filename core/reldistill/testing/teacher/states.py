"""The states of cut models against those of whole ones, and of packed batches against single sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from reldistill.encoder.load import load_teacher
from reldistill.testing.check import ConformanceError, ask
from reldistill.testing.teacher.plain import whole_states
from reldistill.testing.teacher.tiny import EVERYTHING, SHAPE, packed, sequences, written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from reldistill.states import AttentionStates
    from reldistill.teacher import TeacherAdapter
    from reldistill.testing.teacher.tiny import Tiny

__all__ = ["check_packed", "check_several", "check_states"]

CUT = "cut(model, layers) removes what those layers do not need, keeps all that they do need, and renames nothing"
CUT_CHANGE = "Keep the layers below the highest whole, and put ProjectionsOnly(layer, projections) in its place under the same name."


def check_states(adapter: TeacherAdapter, model_type: str) -> None:
    """Each layer of a single sequence."""
    with written(adapter, model_type) as tiny:
        ids = sequences(tiny.config)[0]
        whole = whole_states(tiny.model, adapter)(ids)
        for layer in range(1, SHAPE.layers + 1):
            cut = _cut_states(tiny, adapter, [layer], [ids])[layer]
            for name, state in cut.present():
                _compare(
                    state,
                    whole[layer].require(name),
                    f"cut at layer {layer}, the state {name!r} of that layer",
                    CUT,
                    CUT_CHANGE,
                )


def check_several(adapter: TeacherAdapter, model_type: str) -> None:
    """The first and the last layer in one pass."""
    layers = [1, SHAPE.layers]
    with written(adapter, model_type) as tiny:
        ids = sequences(tiny.config)[0]
        whole = whole_states(tiny.model, adapter)(ids)
        together = _cut_states(tiny, adapter, layers, [ids])
        for layer in layers:
            for name, state in together[layer].present():
                _compare(
                    state, whole[layer].require(name), f"cut for layers {layers}, the state {name!r} of layer {layer}",
                    CUT, "Cut at max(layers) only, and leave the layers below it as they are.",
                )  # fmt: skip


def check_packed(adapter: TeacherAdapter, model_type: str) -> None:
    """Several sequences in one batch against the plain model on each."""
    with written(adapter, model_type) as tiny:
        ids = sequences(tiny.config)
        layer, of_one = SHAPE.layers, whole_states(tiny.model, adapter)
        together = _cut_states(tiny, adapter, [layer], ids)[layer]
        for number, (start, end) in enumerate(together.spans()):
            whole = of_one(ids[number])
            for name, state in together.present():
                _compare(
                    state[start:end], whole[layer].require(name), f"in a packed batch, the state {name!r} of sequence {number + 1}",
                    "sequences of a packed batch do not see each other",
                    "The model must take its attention from transformers' AttentionInterface and hand on the keyword "
                    "arguments of forward() to it; a model that does not cannot be packed.",
                )  # fmt: skip


def _cut_states(
    tiny: Tiny, adapter: TeacherAdapter, layers: Sequence[int], ids: Sequence[Tensor]
) -> dict[int, AttentionStates]:
    """As a run reads its teacher: cut before the weights are read."""
    where = f"cut for layer {layers[0]}" if len(layers) == 1 else f"cut for layers {list(layers)}"

    def states() -> dict[int, AttentionStates]:
        encoder = load_teacher(tiny.folder, tiny.config, adapter, layers, EVERYTHING)
        with torch.no_grad():
            found: dict[int, AttentionStates] = encoder(packed(ids, adapter.position_offset(tiny.config)))
        return found

    found = ask(f"{where}, the model", states, CUT, CUT_CHANGE)
    for layer in layers:
        absent = EVERYTHING - {name for name, _ in found[layer].present()}
        if absent:
            raise ConformanceError(
                f"{where}, the model gave no {', '.join(sorted(absent))} of layer {layer}",
                "projections(model, layer) gives the modules of a cut model as of a whole one",
                "Name the modules that are in the model after cut(); ProjectionsOnly keeps their names.",
            )
    return found


def _compare(found: Tensor, expected: Tensor, what: str, contract: str, change: str) -> None:
    if found.shape != expected.shape:
        raise ConformanceError(
            f"{what} has shape {list(found.shape)}, of the whole model {list(expected.shape)}", contract, change
        )
    difference = float((found - expected).abs().max())
    if not difference <= 1e-4 * (1 + float(expected.abs().max())):
        raise ConformanceError(
            f"{what} differs from that of the whole model by up to {difference:.2g}", contract, change
        )
