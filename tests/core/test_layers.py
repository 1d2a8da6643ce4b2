"""Explicit pairs of layers, and what is refused of pairs from anywhere."""

from __future__ import annotations

import pytest

from reldistill import LayerContext, LayerPair, PluginError, UsageError
from reldistill.layers import check_pairs, explicit_pairs, pairs_as_option

CONTEXT = LayerContext("bert", teacher_layers=24, teacher_width=1024, student_layers=6, student_width=384)


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("19", [LayerPair(19, 6, 1.0)]),
        ("19=0.5", [LayerPair(19, 6, 0.5)]),
        ("12:6,6:3=0.5", [LayerPair(12, 6, 1.0), LayerPair(6, 3, 0.5)]),
        ("12:6, 6:3=.25", [LayerPair(12, 6, 1.0), LayerPair(6, 3, 0.25)]),
        ("12:6=2,11:6=1", [LayerPair(12, 6, 2.0), LayerPair(11, 6, 1.0)]),
        (" 19 ", [LayerPair(19, 6, 1.0)]),
    ],
)
def test_pairs_are_teacher_student_and_weight(text: str, pairs: list[LayerPair]) -> None:
    assert explicit_pairs(text, CONTEXT) == pairs


@pytest.mark.parametrize("text", ["paper", "uniform", "my-plugin:upper", "x19", ""])
def test_what_does_not_begin_with_a_digit_is_the_name_of_a_strategy(text: str) -> None:
    assert explicit_pairs(text, CONTEXT) is None


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("12:", "12:"),
        ("12:6:3", "12:6:3"),
        ("12-6", "12-6"),
        ("12:6=heavy", "12:6=heavy"),
        ("12:6=-1", "12:6=-1"),
        ("12:6=", "12:6="),
        ("12.5", "12.5"),
        ("12:6,", ""),
        ("12:6,last", "last"),
    ],
)
def test_what_is_no_pair_is_quoted_and_the_grammar_shown(text: str, part: str) -> None:
    with pytest.raises(UsageError) as caught:
        explicit_pairs(text, CONTEXT)
    assert caught.value.message == f"--layers {text}: {part!r} is not a pair of layers"
    assert caught.value.hint is not None
    assert "12:6,6:3=0.5" in caught.value.hint


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([], "gave no pair of layers"),
        ([LayerPair(0, 6)], "the teacher has no layer 0\nIts layers are 1 to 24."),
        ([LayerPair(25, 6)], "the teacher has no layer 25\nIts layers are 1 to 24."),
        ([LayerPair(12, 0)], "the student has no layer 0\nIts layers are 1 to 6."),
        ([LayerPair(12, 7)], "the student has no layer 7\nIts layers are 1 to 6."),
        ([LayerPair(12, 6, 0.0)], "the weight 0.0 of layer 12 is not a positive number"),
        ([LayerPair(12, 6, float("nan"))], "the weight nan of layer 12 is not a positive number"),
        ([LayerPair(12, 6, float("inf"))], "the weight inf of layer 12 is not a positive number"),
        ([LayerPair(12, 6), LayerPair(12, 6, 0.5)], "a pair of layers stands there twice"),
        ([LayerPair(12, 5), LayerPair(6, 3)], "nothing would train the student's layers above 5\nOne pair must reach"),
    ],
)
def test_pairs_that_cannot_be_meant_are_refused(pairs: list[LayerPair], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_pairs(pairs, CONTEXT, "--layers mine")
    assert str(caught.value).startswith("--layers mine")
    assert said in str(caught.value)


def test_what_is_no_pair_is_a_fault_of_the_strategy() -> None:
    with pytest.raises(PluginError, match=r"--layers mine gave \(12, 6\), which is no LayerPair"):
        check_pairs([(12, 6)], CONTEXT, "--layers mine")  # type: ignore[list-item]


def test_several_teacher_layers_may_teach_one_student_layer() -> None:
    check_pairs([LayerPair(21, 6), LayerPair(12, 6)], CONTEXT, "--layers mine")


def test_one_teacher_layer_may_teach_several_student_layers() -> None:
    check_pairs([LayerPair(21, 6), LayerPair(21, 3)], CONTEXT, "--layers mine")


def test_pairs_are_written_as_the_option_that_is_read_as_them() -> None:
    pairs = [
        LayerPair(12, 6),
        LayerPair(6, 3, 0.5),
        LayerPair(9, 4, 1e-5),
        LayerPair(3, 2, 1 / 3),
        LayerPair(2, 1, 2.0),
    ]
    assert explicit_pairs(pairs_as_option(pairs), CONTEXT) == pairs
