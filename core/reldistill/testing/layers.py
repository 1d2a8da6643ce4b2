"""What is asked of a layer strategy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from reldistill.errors import ReldistillError, UsageError
from reldistill.layers import LayerContext, LayerEvidence, LayerPair, check_pairs
from reldistill.testing.check import Check, Checks, ConformanceError, named_checks
from reldistill.testing.loading import check_contract

if TYPE_CHECKING:
    from reldistill.layers import LayerStrategy

__all__ = ["layer_strategy_checks"]

FAMILIES = ("bert", "roberta", "xlm-r", "a-family-of-a-plugin")
WIDTHS = ((768, 384), (1024, 768), (64, 64))
STUDENTS = (1, 2, 3, 4, 5, 6, 12, 24, 48)


def layer_strategy_checks(strategy: LayerStrategy) -> list[Check]:
    """All checks of a layer strategy."""
    return named_checks(f"layer strategy {getattr(strategy, 'name', strategy)}", strategy, CHECKS)


def contexts() -> Iterator[LayerContext]:
    """Teachers of 1 to 48 layers with students of at most as many, of several families and widths; some may be probed."""
    for depth in (1, 6, 12, 24):
        yield LayerContext("bert", depth, 768, 1, 384, probe=_made_up_evidence)
    for family in FAMILIES:
        for teacher_width, student_width in WIDTHS:
            for depth in range(1, 49):
                for student in STUDENTS:
                    if student <= depth:
                        yield LayerContext(family, depth, teacher_width, student, student_width)


def _made_up_evidence(layers: Sequence[int]) -> list[LayerEvidence]:
    """Of a probe that speaks for the layer at two thirds."""
    peak = max(layers) * 2 / 3
    return [
        LayerEvidence(layer, 2.0, 1.0, tuple(0.5 - 0.01 * abs(layer - peak) + 0.0001 * number for number in range(8)))
        for layer in layers
    ]


def _in_words(context: LayerContext) -> str:
    return (
        f"a {context.family} teacher of {context.teacher_layers} layers and width {context.teacher_width}, "
        f"a student of {context.student_layers} and {context.student_width}"
    )


def _pairs(strategy: LayerStrategy, context: LayerContext) -> Sequence[LayerPair] | UsageError:
    """What it chooses, or its refusal."""
    try:
        return strategy.pairs(context)
    except UsageError as refusal:
        return refusal
    except Exception as error:
        raise ConformanceError(
            f"for {_in_words(context)}, pairs() raised {type(error).__name__}: {error}",
            "pairs() gives pairs for any two models, or refuses by a UsageError that says why",
            "Let it hold for every depth from 1 on (rounding to layer 0 and division by zero are the usual slips), or "
            "raise reldistill.UsageError(message, hint=...).",
        ) from error


def _check_range(strategy: LayerStrategy) -> None:
    chose = 0
    for context in contexts():
        pairs = _pairs(strategy, context)
        if isinstance(pairs, UsageError):
            continue
        chose += 1
        _check_type(pairs, context)
        try:
            check_pairs(pairs, context, f"--layers {strategy.name}")
        except ReldistillError as error:
            raise ConformanceError(
                f"for {_in_words(context)}: {error.message}",
                "layers count from 1 to the depth of each model, weights are positive, no pair stands there twice, and "
                "one pair reaches the student's last layer",
                f"{error.hint or 'Correct the pairs for these depths.'} Clamp what is rounded with max(1, ...) and "
                "min(context.teacher_layers, ...).",
            ) from error
    if not chose:
        raise ConformanceError(
            "every model was refused, those of 12 layers for 6 and of 24 for 12 too",
            "pairs() gives at least one LayerPair for the models that it is made for",
            "Give pairs for common depths; refuse by UsageError only what cannot work.",
        )


def _check_type(pairs: object, context: LayerContext) -> None:
    good = isinstance(pairs, Sequence) and all(
        isinstance(pair, LayerPair) and type(pair.teacher_layer) is int and type(pair.student_layer) is int
        for pair in pairs
    )
    if not good:
        raise ConformanceError(
            f"for {_in_words(context)}, pairs() gave {pairs!r}",
            "pairs() gives a sequence of LayerPair(teacher_layer, student_layer, weight), layers as int from 1",
            "Return a list of reldistill.LayerPair; make layers whole with round() or //.",
        )


def _check_deterministic(strategy: LayerStrategy) -> None:
    for context in contexts():
        first, second = (_pairs(strategy, context) for _ in range(2))
        if isinstance(first, UsageError) or isinstance(second, UsageError):
            same = type(first) is type(second)
        else:
            same = list(first) == list(second)
        if not same:
            raise ConformanceError(
                f"for {_in_words(context)}, pairs() gave {first!r} and then {second!r}",
                "pairs() is deterministic: a run that goes on, and each process of a run, must choose the same",
                "Leave out random numbers and what is kept from call to call; seed what must be drawn with a constant.",
            )


def _check_refusals(strategy: LayerStrategy) -> None:
    for context in contexts():
        refusal = _pairs(strategy, context)
        if isinstance(refusal, UsageError) and not (refusal.message.strip() and (refusal.hint or "").strip()):
            raise ConformanceError(
                f"{_in_words(context)}: refused with the message {refusal.message!r} and the hint {refusal.hint!r}",
                "a refusal tells the user what is wrong and what to do next",
                'Raise UsageError("--layers NAME: why not", hint="which models, or which --layers, to take instead").',
            )


def _check_announcements(strategy: LayerStrategy) -> None:
    said: list[object] = []
    for context in contexts():
        told = LayerContext(
            context.family, context.teacher_layers, context.teacher_width, context.student_layers,
            context.student_width, said.append,
        )  # fmt: skip
        _pairs(strategy, told)
    for message in said:
        if not isinstance(message, str) or not message.strip() or "\n" in message:
            raise ConformanceError(
                f"context.announce was told {message!r}",
                "an announcement is one line of text for the user",
                "Pass one sentence, without a line break.",
            )


CHECKS: Checks[LayerStrategy] = {
    "contract": (
        partial(check_contract, "reldistill_layer_strategies"),
        "it has a name and pairs(context)",
    ),
    "range": (_check_range, "layers are in range and reach the student's last, for teachers of 1 to 48 layers"),
    "deterministic": (_check_deterministic, "the same models give the same pairs"),
    "refusals": (_check_refusals, "what it refuses, it refuses with a reason and a hint"),
    "announcements": (_check_announcements, "what it announces is a line of text"),
}
