"""What the type of an option lets in, and what a text stands for."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest

from option_values import NAMES, TYPES, as_text, four_values
from reldistill import UsageError
from reldistill.config import DistillConfig, checked, from_text

HEADS = int | Literal["attention"] | None
ACCURACY = Literal["fp32", "bf16"]


@pytest.mark.parametrize(
    ("kind", "value", "held"),
    [
        (int, 7, 7), (int, np.int64(7), 7), (float, 0.5, 0.5), (float, 2, 2.0), (float, np.float32(0.5), 0.5), (bool, True, True),
        (str, "", ""), (str, "7", "7"), (tuple[str, ...], ["a", "b"], ("a", "b")), (tuple[str, ...], (), ()),
        (ACCURACY, "bf16", "bf16"), (HEADS, 12, 12), (HEADS, "attention", "attention"), (HEADS, None, None),
    ],
)  # fmt: skip
def test_a_value_of_the_type_is_held_as_the_type(kind: Any, value: object, held: object) -> None:
    found = checked(kind, value, asked="here")
    assert (found, type(found)) == (held, type(held))


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (int, 7.0, "must be an integer, not a fraction"),
        (int, True, "must be an integer, not a truth value"),
        (int, "7", "must be an integer, not a text"),
        (int, None, "must be an integer, not nothing"),
        (float, "0.5", "must be a number, not a text"),
        (float, False, "must be a number, not a truth value"),
        (bool, 1, "must be true or false, not an integer"),
        (bool, "true", "must be true or false, not a text"),
        (str, 7, "must be a text, not an integer"),
        (str, ["a"], "must be a text, not a list"),
        (str, {"a": 1}, "must be a text, not a table"),
        (tuple[str, ...], "a", 'must be a list of texts, not a text\nPut it into brackets: ["…"].'),
        (tuple[str, ...], ["a", 1], "must be a list of texts, not a list of other things"),
        (ACCURACY, "fp8", "not a choice\nAllowed: fp32, bf16."),
        (ACCURACY, 32, "not a choice\nAllowed: fp32, bf16."),
        (HEADS, "all", "must be an integer or attention, not a text"),
        (HEADS, 1.5, "must be an integer or attention, not a fraction"),
    ],
)
def test_a_value_of_another_type_is_refused_with_what_is_allowed(kind: Any, value: object, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        checked(kind, value, asked="here")
    assert str(caught.value) == f"here: {said}"


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (int, "-3", -3), (float, "6e-4", 6e-4), (float, "1", 1.0), (str, "1", "1"), (HEADS, "12", 12), (HEADS, "attention", "attention"),
        (bool, "true", True), (bool, "True", True), (bool, "1", True), (bool, "false", False), (bool, "0", False),
        (ACCURACY, "fp32", "fp32"),
        (tuple[str, ...], "owner/name:config@main", ("owner/name:config@main",)),
        (tuple[str, ...], '["a.txt", "b:c"]', ("a.txt", "b:c")),
        (tuple[str, ...], "[]", ()),
    ],
)  # fmt: skip
def test_a_text_stands_for_a_value_of_the_type(kind: Any, text: str, value: object) -> None:
    found = from_text(kind, text, asked="HERE")
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        (int, "7.0", "must be an integer"),
        (int, "9" * 5000, "must be an integer"),
        (float, "fast", "must be a number"),
        (bool, "yes", "must be true or false"),
        (ACCURACY, "FP32", "not a choice"),
        (HEADS, "Attention", "must be an integer or attention"),
        (tuple[str, ...], "[ab]*.txt", "begins with [ and is no list of texts"),
        (tuple[str, ...], "[1]", "begins with [ and is no list of texts"),
    ],
)
def test_a_text_that_stands_for_no_value_is_refused(kind: Any, text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_text(kind, text, asked="HERE")
    assert str(caught.value).startswith(f"HERE: {said}")


def test_an_integer_beyond_all_numbers_is_out_of_range_and_no_crash() -> None:
    with pytest.raises(UsageError, match="--learning-rate inf: must be a positive number"):
        DistillConfig(teacher="any", learning_rate=10**400)


@pytest.mark.parametrize("name", NAMES)
def test_every_value_of_every_option_can_be_written_as_a_text(name: str) -> None:
    for value in four_values(name):
        assert from_text(TYPES[name], as_text(value), asked=name) == value


@pytest.mark.parametrize("name", NAMES)
def test_every_default_is_of_its_type(name: str) -> None:
    default = DistillConfig.__dataclass_fields__[name].default
    assert checked(TYPES[name], default, asked=name) == default


@pytest.mark.parametrize(("name", "value"), [("steps", "7"), ("data", "a.txt"), ("compile", 1), ("learning_rate", "1")])
def test_a_configuration_made_by_hand_is_held_to_the_types_too(name: str, value: object) -> None:
    options: dict[str, Any] = {"teacher": "any", name: value}
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} {value}: must be "):
        DistillConfig(**options)
