"""Each check of a layer strategy is seen to fail, and to say what to change."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from kit_outcomes import advice, outcomes
from reldistill import LayerContext, LayerPair, UsageError
from reldistill.testing import layer_strategy_checks


class Middle:
    """Right: the base of those that are wrong."""

    name = "middle"

    def pairs(self, context: LayerContext) -> Sequence[LayerPair]:
        return [LayerPair((context.teacher_layers + 1) // 2, context.student_layers)]


class OnlyDeep(Middle):
    """Right too: it refuses what it cannot do."""

    def pairs(self, context: LayerContext) -> Sequence[LayerPair]:
        if context.teacher_layers < 12:
            raise UsageError("--layers middle: a teacher of at least 12 layers", hint="Take --layers last.")
        return super().pairs(context)


@pytest.mark.parametrize("strategy", [Middle(), OnlyDeep()], ids=lambda strategy: type(strategy).__name__)
def test_a_sound_strategy_passes(strategy: Any) -> None:
    assert set(outcomes(layer_strategy_checks(strategy)).values()) == {""}


class NoPairs:
    name = "none"


class RoundsToZero(Middle):
    def pairs(self, context: LayerContext) -> Sequence[LayerPair]:
        return [LayerPair(context.teacher_layers // 2, context.student_layers)]


class StopsBelow(Middle):
    def pairs(self, context: LayerContext) -> Sequence[LayerPair]:
        return [LayerPair(1, 1)]


class Divides(Middle):
    def pairs(self, context: LayerContext) -> Sequence[LayerPair]:
        return [LayerPair(context.teacher_layers // (context.student_layers - 1), context.student_layers)]


class Tuples(Middle):
    def pairs(self, context: LayerContext) -> Any:
        return [(context.teacher_layers, context.student_layers)]


class Fractions(Middle):
    def pairs(self, context: LayerContext) -> Any:
        return [LayerPair(context.teacher_layers / 1, context.student_layers)]  # type: ignore[arg-type]


class Generator(Middle):
    def pairs(self, context: LayerContext) -> Any:
        yield LayerPair(context.teacher_layers, context.student_layers)


class RefusesAll(Middle):
    def pairs(self, context: LayerContext) -> Sequence[LayerPair]:
        raise UsageError("--layers middle: not today", hint="Try tomorrow.")


class RefusesCurtly(Middle):
    def pairs(self, context: LayerContext) -> Sequence[LayerPair]:
        if context.student_layers == 1:
            raise UsageError("no")
        return super().pairs(context)


class Draws(Middle):
    def pairs(self, context: LayerContext) -> Sequence[LayerPair]:
        return [LayerPair(random.randint(1, context.teacher_layers), context.student_layers)]


class Babbles(Middle):
    def pairs(self, context: LayerContext) -> Sequence[LayerPair]:
        context.announce("the middle\nof the teacher")
        return super().pairs(context)


WRONG: list[tuple[str, Any, str, str]] = [
    ("contract", NoPairs(), "has no pairs(context)", "reldistill_layer_strategies) has a complete example"),
    ("range", RoundsToZero(), "a bert teacher of 1 layers and width 768", "max(1, ...)"),
    (
        "range",
        StopsBelow(),
        "nothing would train the student's layers above 1",
        "One pair must reach its last layer, 2",
    ),
    ("range", Divides(), "pairs() raised ZeroDivisionError", "Let it hold for every depth from 1 on"),
    ("range", Tuples(), "pairs() gave [(1, 1)]", "Return a list of reldistill.LayerPair"),
    ("range", Fractions(), "teacher_layer=1.0", "make layers whole with round() or //"),
    ("range", Generator(), "pairs() gave <generator", "Return a list of reldistill.LayerPair"),
    ("range", RefusesAll(), "every model was refused", "Give pairs for common depths"),
    ("deterministic", Draws(), "and then [LayerPair(", "Leave out random numbers"),
    ("refusals", RefusesCurtly(), "refused with the message 'no' and the hint None", "hint="),
    ("announcements", Babbles(), "was told 'the middle\\nof the teacher'", "Pass one sentence, without a line break"),
]


@pytest.mark.parametrize(("name", "strategy", "found", "change"), WRONG, ids=lambda value: type(value).__name__)
def test_what_is_wrong_is_found_and_the_cure_is_named(name: str, strategy: Any, found: str, change: str) -> None:
    error = advice(layer_strategy_checks(strategy), name)
    assert found in error.found
    assert change in error.change


def test_every_check_has_been_seen_to_fail() -> None:
    assert {check.name for check in layer_strategy_checks(Middle())} == {name for name, *_ in WRONG}
