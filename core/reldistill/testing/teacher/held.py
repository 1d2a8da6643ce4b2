"""What cut models hold, and what students train."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from reldistill.encoder.load import load_teacher, student_encoder
from reldistill.encoder.quiet import quiet_transformers
from reldistill.testing.check import ConformanceError, ask
from reldistill.testing.teacher.tiny import EVERYTHING, SHAPE, make_tiny, packed, sequences, written

if TYPE_CHECKING:
    from reldistill.encoder.encoder import Encoder
    from reldistill.encoder.packed_tokens import PackedTokens
    from reldistill.teacher import TeacherAdapter

__all__ = ["check_held", "check_trained"]

CUT = "after cut(model, layers) the model holds what the states of those layers depend on, and nothing else"

SUBSETS = (frozenset({"query"}), frozenset({"key", "value"}), frozenset({"hidden"}), EVERYTHING)


def check_held(adapter: TeacherAdapter, model_type: str) -> None:
    """A teacher cut at the last layer but one."""
    with written(adapter, model_type) as tiny:
        encoder = ask(
            f"cut at layer {SHAPE.layers - 1}, the model",
            lambda: load_teacher(tiny.folder, tiny.config, adapter, [SHAPE.layers - 1], EVERYTHING),
            CUT,
            "Keep names and all that the layer needs.",
        )
        encoder.requires_grad_(True)
        tokens = packed(sequences(tiny.config), adapter.position_offset(tiny.config))
        idle = _without_gradient(encoder, tokens)
    if idle:
        raise ConformanceError(
            f"cut at layer {SHAPE.layers - 1} of {SHAPE.layers}, the model still holds {_some(idle)}",
            CUT,
            "In cut(), delete the layers above max(layers), the pooler, a last norm and the like, and replace the highest "
            "layer by ProjectionsOnly.",
        )


def check_trained(adapter: TeacherAdapter, model_type: str) -> None:
    """Students for several sets of states."""
    for needs in SUBSETS:
        with quiet_transformers():
            model = make_tiny(adapter, model_type)
        names = set(model.state_dict())
        encoder = student_encoder(model, adapter, [SHAPE.layers], needs)
        if set(model.state_dict()) != names:
            raise ConformanceError(
                "cut() of a copy changed the student itself",
                "cut() changes the model that it is given, in place, and no other",
                "Work on the model's own modules; keep none in the adapter.",
            )
        own = {id(parameter) for parameter in model.parameters()}
        strange = [name for name, parameter in encoder.named_parameters() if id(parameter) not in own]
        if strange:
            raise ConformanceError(
                f"after cut() the model trains {_some(strange)}, which {'is' if len(strange) == 1 else 'are'} no parameter "
                "of the student",
                "the cut model shares the parameters of the student: training it trains the student",
                "Move modules and parameters as they are; make no new Linear out of a piece of a weight, nor clone it.",
            )
        tokens = packed(sequences(model.config), adapter.position_offset(model.config))
        idle = _without_gradient(encoder, tokens)
        if idle:
            raise ConformanceError(
                f"with relations that need {', '.join(sorted(needs))}, {_some(idle)} would be trained without ever getting "
                "a gradient",
                "each parameter that is left after cut() reaches a state that is needed; several processes would wait for "
                "its gradient",
                "Put ProjectionsOnly in the place of the highest layer: it drops the projections that are not needed.",
            )


def _without_gradient(encoder: Encoder, tokens: PackedTokens) -> list[str]:
    """Names of the trainable parameters that no state depends on."""
    generator = torch.Generator().manual_seed(2)
    total: Any = 0.0
    for states in encoder(tokens).values():
        for _, state in states.present():
            total = total + (state * torch.randn(state.shape, generator=generator)).sum()
    named = {name: parameter for name, parameter in encoder.named_parameters() if parameter.requires_grad}
    gradients = torch.autograd.grad(total, list(named.values()), allow_unused=True)
    return [name.removeprefix("model.") for name, gradient in zip(named, gradients, strict=True) if gradient is None]


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
