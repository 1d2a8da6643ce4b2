"""torch.compile for an encoder: what lies between the attention of one layer and that of the next.

Attention itself stays as it is: it takes the lengths of the sequences, which are others in each batch, and a graph that
held them would be compiled anew for each. Between attentions nothing but the number of tokens changes, and that is a
symbol of the graph.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from reldistill.errors import UsageError, in_one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from reldistill.encoder.encoder import Encoder
    from reldistill.teacher import TeacherAdapter

__all__ = ["check_compiler", "compile_between_attention"]


def compile_between_attention(encoder: Encoder, adapter: TeacherAdapter) -> None:
    """Compile, in place and when first used, each part of a layer that takes no part in attention.

    Modules, hooks and the names of parameters stay what they were. States and gradients are the same to rounding, but
    for dropout: it draws other random numbers, from the same seed the same ones each time.
    """
    for layer in range(1, max(encoder.layers) + 1):
        found = adapter.projections(encoder.model, layer)
        for part in _without_attention(found.layer, set(found.modules.values())):
            # Not part.compile(): it compiles the call that all modules have in common, and torch stops compiling a
            # function that has been compiled for eight kinds of modules and modes.
            part.forward = torch.compile(part.forward, dynamic=True)


def check_compiler(device: torch.device) -> None:
    """Compile and run the smallest function; raises :class:`UsageError` where that fails, with the reason."""
    try:
        torch.compile(_next)(torch.zeros(2, device=device))
    except (RuntimeError, ImportError, OSError) as error:
        needed = "a C++ compiler: install g++ or clang, or name yours in CXX" if device.type == "cpu" else "Triton"
        raise UsageError(
            f"--compile: torch cannot compile here: {in_one_line(error)}",
            hint=f"On {device.type} torch.compile needs {needed}; or leave --compile out.",
        ) from error


def _next(x: torch.Tensor) -> torch.Tensor:
    return x + 1


def _without_attention(module: nn.Module, projections: set[nn.Module]) -> Iterator[nn.Module]:
    """The largest parts of ``module`` that hold no projection and do not lie beside one.

    What a projection lies in is the attention.
    """
    children = list(module.children())
    if projections.intersection(children):
        return
    for child in children:
        if projections.isdisjoint(child.modules()):
            yield child
        else:
            yield from _without_attention(child, projections)
