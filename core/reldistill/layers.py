"""Which layer of the teacher teaches which layer of the student (paper, section 3.2). Layers count from 1."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from statistics import fmean
from typing import Any, Protocol, runtime_checkable

from reldistill.errors import BrokenContract, UsageError

__all__ = [
    "LayerContext", "LayerEvidence", "LayerPair", "LayerStrategy", "check_pairs", "explicit_pairs", "pairs_as_option",
    "pairs_in_words",
]  # fmt: skip


@dataclass(frozen=True)
class LayerPair:
    """One layer of the teacher, one of the student, and the weight of their loss."""

    teacher_layer: int
    student_layer: int
    weight: float = 1.0


@dataclass(frozen=True)
class LayerEvidence:
    """What a probe, a short distillation, found of one layer of the teacher. All of it on text that was not trained on.

    ``untrained_loss`` and ``loss``: the relation loss of the probe's student for this layer before and after; those of two
    layers are no measure of each other, for each is held against its own target.
    ``alignment``: for each of the sets of sequences that were measured on, whether the student holds the same sequences for
    alike as the whole teacher does: linear centred kernel alignment of what leaves the last layer of each at the first token,
    which a task's head reads; 1 is the same up to rotation and scale. The sets are the same for all layers of one probe.
    """

    teacher_layer: int
    untrained_loss: float
    loss: float
    alignment: tuple[float, ...]

    @property
    def mean_alignment(self) -> float:
        """The mean over the sets."""
        return fmean(self.alignment)

    def describe(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**asdict(self), "alignment": list(self.alignment)}

    @classmethod
    def from_description(cls, row: Mapping[str, Any]) -> LayerEvidence:
        """What :meth:`describe` gave. Raises KeyError, TypeError or ValueError where it is something else."""
        alignment = tuple(map(float, row["alignment"]))
        return cls(int(row["teacher_layer"]), float(row["untrained_loss"]), float(row["loss"]), alignment)


@dataclass(frozen=True)
class LayerContext:
    """What a strategy knows of the two models.

    ``family`` is the name of the teacher's adapter. ``announce`` tells the user of a choice that needs a word. ``probe``
    distils a student for each of the layers that it is given, for a short time, and says what came of it, in their order;
    it takes minutes. It is None where nothing is to be spent: for a plan, a dry run, a run of no steps.
    """

    family: str
    teacher_layers: int
    teacher_width: int
    student_layers: int
    student_width: int
    announce: Callable[[str], None] = lambda message: None
    probe: Callable[[Sequence[int]], Sequence[LayerEvidence]] | None = None


@runtime_checkable
class LayerStrategy(Protocol):
    """Chooses the pairs of layers; the paper trains the student's last layer on one layer of the teacher."""

    @property
    def name(self) -> str:
        """What stands in ``--layers``."""
        ...

    def pairs(self, context: LayerContext) -> Sequence[LayerPair]:
        """One pair or more. Must be deterministic, in range, and reach the student's last layer."""
        ...


_EXPLICIT = re.compile(r"(?P<teacher>\d+)(:(?P<student>\d+))?(=(?P<weight>\d*\.?\d+))?")


def explicit_pairs(text: str, context: LayerContext) -> list[LayerPair] | None:
    """``19`` or ``12:6,6:3=0.5`` as pairs; None where the text is a strategy's name instead.

    Without ``:student`` the student's last layer is meant, without ``=weight`` the weight is 1.
    """
    if not text.strip()[:1].isdigit():
        return None
    pairs = []
    for part in text.split(","):
        match = _EXPLICIT.fullmatch(part.strip())
        if match is None:
            raise UsageError(
                f"--layers {text}: {part.strip()!r} is not a pair of layers",
                hint="Write teacher[:student][=weight], for example 19 or 12:6,6:3=0.5; layers count from 1.",
            )
        student, weight = match["student"], match["weight"]
        pairs.append(LayerPair(int(match["teacher"]), int(student or context.student_layers), float(weight or 1.0)))
    return pairs


def check_pairs(pairs: Sequence[LayerPair], context: LayerContext, source: str) -> None:
    """Raise :class:`UsageError` for pairs that are out of range, twice there, without weight, or train too little,
    and :class:`BrokenContract` for what is no pair at all.
    """
    if not pairs:
        raise UsageError(
            f"{source} gave no pair of layers", hint="A student needs at least one layer of the teacher to learn from."
        )
    for pair in pairs:
        if not isinstance(pair, LayerPair):
            raise BrokenContract(
                f"{source} gave {pair!r}, which is no LayerPair", hint="This is a fault of the strategy."
            )
        if not (isinstance(pair.teacher_layer, int) and isinstance(pair.student_layer, int)):
            raise BrokenContract(
                f"{source} gave {pair!r}: a layer is an int from 1", hint="This is a fault of the strategy."
            )
        if not isinstance(pair.weight, int | float):
            raise BrokenContract(
                f"{source} gave {pair!r}: a weight is a number", hint="This is a fault of the strategy."
            )
        for owner, layer, layers in (
            ("teacher", pair.teacher_layer, context.teacher_layers),
            ("student", pair.student_layer, context.student_layers),
        ):
            if not 1 <= layer <= layers:
                raise UsageError(f"{source}: the {owner} has no layer {layer}", hint=f"Its layers are 1 to {layers}.")
        if not 0 < pair.weight < float("inf"):
            raise UsageError(
                f"{source}: the weight {pair.weight} of layer {pair.teacher_layer} is not a positive number"
            )
    if len({(pair.teacher_layer, pair.student_layer) for pair in pairs}) < len(pairs):
        raise UsageError(f"{source}: a pair of layers stands there twice")
    if max(pair.student_layer for pair in pairs) < context.student_layers:
        raise UsageError(
            f"{source}: nothing would train the student's layers above {max(pair.student_layer for pair in pairs)}",
            hint=f"One pair must reach its last layer, {context.student_layers}.",
        )


def pairs_in_words(pairs: Sequence[LayerPair]) -> str:
    """``21 → 6``, with a weight that is not 1."""
    return ", ".join(
        f"{p.teacher_layer} → {p.student_layer}" + (f" × {p.weight:g}" if p.weight != 1 else "") for p in pairs
    )


def pairs_as_option(pairs: Sequence[LayerPair]) -> str:
    """What :func:`explicit_pairs` reads as these pairs: ``21:6``, ``12:6,6:3=0.5``."""
    return ",".join(
        f"{p.teacher_layer}:{p.student_layer}" + (f"={Decimal(repr(p.weight)):f}" if p.weight != 1 else "")
        for p in pairs
    )
