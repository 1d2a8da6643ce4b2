"""Which layer of the teacher to learn from: the paper's choice, the last, or evenly spread."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from reldistill import LayerContext, LayerPair, LayerStrategy, hookimpl


@dataclass(frozen=True)
class Paper:
    """The layer that served best in the paper (section 4.1, figure 2): the last of a base-size teacher, an upper
    middle one of a large teacher. For depths that the paper does not try, the same fraction of the depth.
    """

    name: str = "paper"

    LARGE_DEPTH: ClassVar[int] = 24
    LARGE_LAYER: ClassVar[dict[str, int]] = {"bert": 21, "roberta": 19, "xlm-r": 19}
    BASE_DEPTH: ClassVar[int] = 12

    def pairs(self, context: LayerContext) -> Sequence[LayerPair]:
        """One pair, for the student's last layer."""
        depth, layer = context.teacher_layers, context.teacher_layers
        if depth > self.BASE_DEPTH:
            large = self.LARGE_LAYER.get(context.family, self.LARGE_LAYER["bert"])
            layer = max(1, round(depth * large / self.LARGE_DEPTH))
            if depth != self.LARGE_DEPTH or context.family not in self.LARGE_LAYER:
                context.announce(
                    f"the paper tries no {context.family} teacher of {depth} layers: layer {layer} is taken, "
                    f"the same fraction of the depth as {large} of {self.LARGE_DEPTH}"
                )
        return [LayerPair(layer, context.student_layers)]


@dataclass(frozen=True)
class Last:
    """The teacher's last layer, as MiniLM has it."""

    name: str = "last"

    def pairs(self, context: LayerContext) -> Sequence[LayerPair]:
        """One pair, for the student's last layer."""
        return [LayerPair(context.teacher_layers, context.student_layers)]


@dataclass(frozen=True)
class Uniform:
    """Each student layer learns from the teacher layer at the same fraction of the depth, as in TinyBERT."""

    name: str = "uniform"

    def pairs(self, context: LayerContext) -> Sequence[LayerPair]:
        """As many pairs as the student has layers, all of weight 1 / layers."""
        layers = context.student_layers
        return [
            LayerPair(max(1, round(layer * context.teacher_layers / layers)), layer, 1 / layers)
            for layer in range(1, layers + 1)
        ]


@hookimpl
def reldistill_layer_strategies() -> Iterable[LayerStrategy]:
    return [Paper(), Last(), Uniform()]
