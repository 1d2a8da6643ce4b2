"""Which layer of the teacher to learn from: the paper's choice, the last, evenly spread, or what a probe says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from statistics import fmean, stdev
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


@dataclass(frozen=True)
class Auto:
    """The layer whose student, after a short distillation, is most aligned with the teacher (the paper leaves the
    choice without a search to future work, in its conclusion).

    Candidates are all layers of a teacher of up to twelve, and of a deeper one those of its upper half; not one that the student
    is already at its start, as it is where it begins as the teacher's first layers: there is nothing to learn. Evidence is
    ``LayerEvidence.alignment``, for the relation losses of two layers are no measure of each other. The paper's layer stands
    unless another one is better by more than twice the standard error of the difference over the sets of sequences.
    """

    name: str = "auto"

    ALL_OF: ClassVar[int] = 12
    NOTHING_TO_LEARN: ClassVar[float] = 0.1
    """Of the largest loss of an untrained student."""

    def pairs(self, context: LayerContext) -> Sequence[LayerPair]:
        """One pair, for the student's last layer."""
        paper = Paper().pairs(replace(context, announce=lambda message: None))
        if context.probe is None:
            context.announce(
                f"--layers auto: nothing is probed here; layer {paper[0].teacher_layer}, the paper's choice, stands in"
            )
            return paper
        depth = context.teacher_layers
        found = context.probe(range(1 if depth <= self.ALL_OF else depth // 2 + 1, depth + 1))
        by_layer = {evidence.teacher_layer: evidence for evidence in found}
        usual = by_layer[paper[0].teacher_layer]
        least = self.NOTHING_TO_LEARN * max(evidence.untrained_loss for evidence in found)
        to_learn = [evidence for evidence in found if evidence.untrained_loss > least or evidence is usual]
        best = max(to_learn, key=lambda evidence: evidence.mean_alignment)
        gain, error = _difference(best.alignment, usual.alignment)
        better = gain > 2 * error
        chosen = best if better else usual
        context.announce(
            f"--layers auto: layer {chosen.teacher_layer}. Alignment {best.mean_alignment:.4f} by layer {best.teacher_layer}, "
            f"the best, and {usual.mean_alignment:.4f} by layer {usual.teacher_layer}, the paper's: "
            f"{gain:.4f} ± {error:.4f}{'' if better else ', which is no more than chance'}"
        )
        return [LayerPair(chosen.teacher_layer, context.student_layers)]


def _difference(one: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """Mean difference over the sets, which are the same for both, and its standard error."""
    gains = [a - b for a, b in zip(one, other, strict=True)]
    return fmean(gains), stdev(gains) / sqrt(len(gains)) if len(gains) > 1 else 0.0


@hookimpl
def reldistill_layer_strategies() -> Iterable[LayerStrategy]:
    return [Paper(), Last(), Uniform(), Auto()]
