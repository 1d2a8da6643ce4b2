"""What the type of an option lets in, and what a text stands for."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest

from option_values import as_text, each_option, four_values
from reldistill import UsageError
from reldistill.config import ConfigKind, DistillConfig, EvalConfig, checked, from_text
from reldistill.config.option_types import Words

HEADS = int | Literal["attention"] | None
ACCURACY = Literal["fp32", "bf16"]


@pytest.mark.parametrize(
    ("kind", "value", "held"),
    [
        (int, 7, 7), (int, np.int64(7), 7), (float, 0.5, 0.5), (float, 2, 2.0), (float, np.float32(0.5), 0.5), (bool, True, True),
        (str, "", ""), (str, "7", "7"), (tuple[str, ...], ["a", "b"], ("a", "b")), (tuple[str, ...], (), ()),
        (ACCURACY, "bf16", "bf16"), (HEADS, 12, 12), (HEADS, "attention", "attention"), (HEADS, None, None),
        (tuple[int, ...], [1, 2], (1, 2)), (tuple[float, ...], [1, 2e-5], (1.0, 2e-5)), (Words, ["en", "a,b"], ("en", "a,b")),
        (tuple[int, ...] | None, None, None), (Words | None, (), ()),
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
        (tuple[int, ...], [1, 2.0], "must be a list of whole numbers, not a list of other things"),
        (tuple[int, ...], [True], "must be a list of whole numbers, not a list of other things"),
        (tuple[int, ...] | None, 1, "must be a list of whole numbers, not an integer\nPut it into brackets: [1, 2]."),
        (tuple[float, ...], "1e-5", "must be a list of numbers, not a text\nPut it into brackets: [2e-5, 5e-5]."),
        (tuple[float, ...], {"a": 1}, "must be a list of numbers, not a table"),
        (Words, "en", 'must be a list of texts, not a text\nPut it into brackets: ["…"].'),
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
        (tuple[str, ...], "[]", ()), (tuple[str, ...], "a,b.txt", ("a,b.txt",)),
        (tuple[int, ...], "1, 2,3", (1, 2, 3)), (tuple[int, ...], "[1, 2]", (1, 2)), (tuple[float, ...], "2e-5,1", (2e-5, 1.0)),
        (Words, "en", ("en",)), (Words, "en, fr", ("en", "fr")), (Words | None, '["en", "fr"]', ("en", "fr")),
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
        (tuple[int, ...], "one", "must be whole numbers, with commas between them\nFor example 1,2,3."),
        (tuple[int, ...], "1,2.5", "must be whole numbers, with commas between them"),
        (tuple[int, ...], "1,,2", "must be whole numbers, with commas between them"),
        (tuple[int, ...], "", "must be whole numbers, with commas between them"),
        (tuple[int, ...], "[1.5]", "begins with [ and is no list of whole numbers\nFor example 1,2,3."),
        (tuple[float, ...], "1e-5 2e-5", "must be numbers, with commas between them\nFor example 2e-5,5e-5."),
        (Words, "en,", "must be words, with commas between them\nFor example en,fr."),
    ],
)
def test_a_text_that_stands_for_no_value_is_refused(kind: Any, text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_text(kind, text, asked="HERE")
    assert str(caught.value).startswith(f"HERE: {said}")


def test_an_integer_beyond_all_numbers_is_out_of_range_and_no_crash() -> None:
    with pytest.raises(UsageError, match="--learning-rate inf: must be a positive number"):
        DistillConfig(teacher="any", learning_rate=10**400)


@each_option
def test_every_value_of_every_option_can_be_written_as_a_text(kind: ConfigKind[Any], name: str) -> None:
    for value in four_values(kind, name):
        assert from_text(kind.types[name], as_text(kind, name, value), asked=name) == value


@each_option
def test_every_default_is_of_its_type(kind: ConfigKind[Any], name: str) -> None:
    default = kind.config_type.__dataclass_fields__[name].default
    assert checked(kind.types[name], default, asked=name) == default


@pytest.mark.parametrize(("name", "value"), [("steps", "7"), ("data", "a.txt"), ("compile", 1), ("learning_rate", "1")])
def test_a_configuration_made_by_hand_is_held_to_the_types_too(name: str, value: object) -> None:
    options: dict[str, Any] = {"teacher": "any", name: value}
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} {value}: must be "):
        DistillConfig(**options)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("seeds", "1,2", "--seeds 1,2: must be a list of whole numbers, not a text"),
        ("seeds", (1, "2"), "--seeds 1,2: must be a list of whole numbers, not a list of other things"),
        ("score_on", "train", "--score-on train: not a choice"),
    ],
)
def test_an_evaluation_made_by_hand_is_held_to_the_types_too(name: str, value: object, said: str) -> None:
    options: dict[str, Any] = {name: value}
    with pytest.raises(UsageError, match=said):
        EvalConfig(**options)
