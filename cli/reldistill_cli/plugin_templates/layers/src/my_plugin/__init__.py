"""A layer strategy for ``minictl distill --layers my-plugin``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reldistill import LayerContext, LayerPair, LayerStrategy, hookimpl

reldistill_api = 1


@dataclass(frozen=True)
class Middle:
    """The student's last layer learns from the middle layer of a teacher of L layers, the upper one of two::

        layer = ⌊L / 2⌋ + 1

    Layers count from 1.
    """

    name: str = "my-plugin"

    def pairs(self, context: LayerContext) -> Sequence[LayerPair]:
        """One pair."""
        return [LayerPair(context.teacher_layers // 2 + 1, context.student_layers)]


@hookimpl
def reldistill_layer_strategies() -> Iterable[LayerStrategy]:
    return [Middle()]
