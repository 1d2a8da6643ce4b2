"""What the toolkit must know of a family of encoders to distil it: the contract of a teacher adapter."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from reldistill.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.utils.hooks import RemovableHandle
    from transformers import PretrainedConfig, PreTrainedModel

__all__ = ["FusedPart", "Projections", "StudentShape", "TeacherAdapter", "as_alias"]


@dataclass(frozen=True)
class StudentShape:
    """How large a student is. ``intermediate_size`` is the width of its feed-forward part: 4 × hidden by default."""

    layers: int
    hidden_size: int
    attention_heads: int = 12
    intermediate_size: int = 0

    def __post_init__(self) -> None:
        if self.intermediate_size == 0:
            object.__setattr__(self, "intermediate_size", 4 * self.hidden_size)
        if min(self.layers, self.hidden_size, self.attention_heads, self.intermediate_size) < 1:
            raise UsageError(
                f"a student of {self.layers} layers, width {self.hidden_size}: every size must be at least 1"
            )
        if self.hidden_size % self.attention_heads:
            fits = [str(n) for n in range(1, min(self.hidden_size, 64) + 1) if self.hidden_size % n == 0]
            raise UsageError(
                f"{self.attention_heads} attention heads do not divide the student's width {self.hidden_size}",
                hint=f"These do: {', '.join(fits)} (--student-heads).",
            )

    @classmethod
    def parse(cls, text: str, attention_heads: int = 12, intermediate_size: int = 0) -> StudentShape:
        """``6x384`` is 6 layers of width 384."""
        match = re.fullmatch(r"(\d+)[x×](\d+)", text.strip().lower())
        if match is None:
            raise UsageError(f"--student {text}: not a shape", hint="Write LAYERSxWIDTH, for example 6x384 or 12x768.")
        return cls(int(match[1]), int(match[2]), attention_heads, intermediate_size)


@dataclass(frozen=True)
class FusedPart:
    """A projection that ``module`` computes together with others: the columns ``start`` to ``stop`` of its output."""

    module: nn.Module
    start: int
    stop: int


@dataclass(frozen=True)
class Projections:
    """What gives the query, key and value ``[…, width]`` of one layer, and the layer itself.

    Each is the linear map's own output, the heads one behind the other, as AttentionStates holds it: before any rotation
    (rotary positions turn query and key later, inside attention), before a norm of single heads, before the scale. It is a
    module, or where one module computes several at once a :class:`FusedPart` of it. A projection that was dropped from a
    cut model, because no relation needs it, is None.

    The first argument of ``layer`` is the layer's input: the state ``hidden``. In a pre-norm model that is the residual
    stream as the layer below has left it, not what the norm makes of it for the projections.
    """

    query: nn.Module | FusedPart | None
    key: nn.Module | FusedPart | None
    value: nn.Module | FusedPart | None
    layer: nn.Module

    @property
    def modules(self) -> dict[str, nn.Module]:
        """``query``, ``key``, ``value``, those that are there -> the module that computes it, fused or its own."""
        found = {"query": self.query, "key": self.key, "value": self.value}
        return {
            kind: part.module if isinstance(part, FusedPart) else part
            for kind, part in found.items()
            if part is not None
        }

    def listen(self, kind: str, keep: Callable[[Tensor], None]) -> RemovableHandle:
        """Hand ``keep`` the query, key or value, as ``kind`` says, each time that the layer computes it."""
        part = getattr(self, kind)
        columns = slice(part.start, part.stop) if isinstance(part, FusedPart) else slice(None)

        def hook(_module: nn.Module, _inputs: tuple[object, ...], output: Tensor) -> None:
            keep(output[..., columns])

        return self.modules[kind].register_forward_hook(hook)


def as_alias(typed: str) -> str:
    """What a person types, in the form that aliases have: lower case, words joined by ``-``."""
    return typed.strip().lower().replace("_", "-").replace(" ", "-")


@runtime_checkable
class TeacherAdapter(Protocol):
    """A family of encoders. Each method works on the family's plain transformers model (``AutoModel``, no head)."""

    @property
    def name(self) -> str:
        """The family's name, for example ``bert``."""
        ...

    @property
    def model_types(self) -> frozenset[str]:
        """The ``model_type`` of the configurations that it serves."""
        ...

    @property
    def aliases(self) -> Mapping[str, str]:
        """What a person types -> the id on the Hub; lower case, words joined by ``-``."""
        ...

    def student_config(self, config: PretrainedConfig, shape: StudentShape) -> PretrainedConfig:
        """The configuration of a student of this shape with the teacher's vocabulary and positions."""
        ...

    def position_offset(self, config: PretrainedConfig) -> int:
        """The position id of a sequence's first token: 0 for BERT, ``padding_idx + 1`` for RoBERTa and XLM-R."""
        ...

    def cut(self, model: PreTrainedModel, layers: Sequence[int]) -> None:
        """Remove from the model, in place, whatever the projections of these layers do not depend on.

        Called on a model without weights, before they are read, so that what goes is never loaded; names of the
        parameters that stay must not change. Of the highest layer only the projections are needed, and in a pre-norm
        model the norm before them: see :class:`reldistill.projections.ProjectionsOnly`. Whatever else the model computes
        behind its layers, such as a last norm, has to go too: its parameters would never get a gradient.
        """
        ...

    def projections(self, model: PreTrainedModel, layer: int) -> Projections:
        """The projections of a layer, from 1, before any rotation; on a cut model as well as on a whole one."""
        ...
