"""MINICTL_ variables: strictly typed, and none is overlooked."""

from __future__ import annotations

from typing import Any

import pytest

from reldistill import UsageError
from reldistill.config import DISTILL, EVAL, KINDS, ConfigKind, read_environment


def refusal(kind: ConfigKind[Any] = DISTILL, /, **environment: str) -> str:
    with pytest.raises(UsageError) as caught:
        read_environment(environment, kind)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_variables_of_others_are_left_alone() -> None:
    assert read_environment({"PATH": "/bin", "RELDISTILL_CACHE": "c", "MINICTL": "1", "minictl_steps": "x"}) == {}


@pytest.mark.parametrize("value", ["", "mine"])
def test_the_restriction_of_plugins_is_no_option(value: str) -> None:
    assert read_environment({"MINICTL_PLUGINS": value}) == {}


def test_an_empty_variable_counts_as_one_that_is_not_set() -> None:
    assert read_environment({"MINICTL_STEPS": "", "MINICTL_DATA": "", "MINICTL_OUTPUT": ""}) == {}


def test_an_unknown_variable_is_refused_with_the_nearest() -> None:
    assert refusal(MINICTL_LEARNINGRATE="1") == (
        "the environment has MINICTL_LEARNINGRATE, which is no option\n"
        "Did you mean MINICTL_LEARNING_RATE? Options are MINICTL_ and a name in capitals, as MINICTL_LEARNING_RATE."
    )


def test_a_misspelt_restriction_of_plugins_is_found_too() -> None:
    assert "Did you mean MINICTL_PLUGINS?" in refusal(MINICTL_PLUGIN="mine")


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("MINICTL_STEPS", "many", "MINICTL_STEPS=many: must be an integer"),
        ("MINICTL_STEPS", "1.5", "MINICTL_STEPS=1.5: must be an integer"),
        ("MINICTL_COMPILE", "on", "MINICTL_COMPILE=on: must be true or false"),
        ("MINICTL_PRECISION", "fp8", "MINICTL_PRECISION=fp8: not a choice\nAllowed: auto, fp32, bf16."),
        ("MINICTL_BATCH_SIZE", "0", "environment MINICTL_BATCH_SIZE: --batch-size 0: must be at least 1"),
        ("MINICTL_CLIP", "nan", "environment MINICTL_CLIP: --clip nan: must be at least 0"),
        ("MINICTL_MIXING", "half", "environment MINICTL_MIXING: --mixing half: neither an exponent nor weights"),
        ("MINICTL_PRESET", "minilm", "environment MINICTL_PRESET: unknown preset 'minilm'\nDid you mean minilm-v1?"),
        ("MINICTL_DATA", "[ab]*.txt", "MINICTL_DATA=[ab]*.txt: begins with [ and is no list of texts"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_its_variable(variable: str, text: str, said: str) -> None:
    assert refusal(**{variable: text}).startswith(said)


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("MINICTL_EVAL_SEEDS", "one", "MINICTL_EVAL_SEEDS=one: must be whole numbers, with commas between them"),
        ("MINICTL_EVAL_SEEDS", "1,1", "environment MINICTL_EVAL_SEEDS: --seeds 1,1: one twice"),
        ("MINICTL_EVAL_EPOCHS", "0,3", "environment MINICTL_EVAL_EPOCHS: --epochs 0,3: 0 stands alone"),
        (
            "MINICTL_EVAL_LEARNING_RATES",
            "2",
            "environment MINICTL_EVAL_LEARNING_RATES: --learning-rates 2.0: each must be",
        ),
        ("MINICTL_EVAL_LANGUAGES", "[en]", "MINICTL_EVAL_LANGUAGES=[en]: begins with [ and is no list of texts"),
        ("MINICTL_EVAL_QUICK", "yes", "MINICTL_EVAL_QUICK=yes: must be true or false"),
        ("MINICTL_EVAL_PRECISION", "fp8", "MINICTL_EVAL_PRECISION=fp8: not a choice\nAllowed: auto, fp32, bf16."),
        ("MINICTL_EVAL_BATCH_SIZE", "0", "environment MINICTL_EVAL_BATCH_SIZE: --batch-size 0: must be at least 1"),
    ],
)
def test_a_value_that_an_evaluation_cannot_have_is_refused_by_its_variable(variable: str, text: str, said: str) -> None:
    assert refusal(EVAL, **{variable: text}).startswith(said)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("MINICTL_SEEDS", "seeds is an option of `minictl eval`: MINICTL_EVAL_SEEDS."),
        ("MINICTL_EVAL_STEPS", "steps is an option of `minictl distill`: MINICTL_STEPS."),
        ("MINICTL_EVAL_PRESET", "preset is an option of `minictl distill`: MINICTL_PRESET."),
        ("MINICTL_EVAL_EPOCH", "Did you mean MINICTL_EVAL_EPOCHS? "
         "Options are MINICTL_EVAL_ and a name in capitals, as MINICTL_EVAL_LEARNING_RATES."),
        ("MINICTL_STEPZ", "Did you mean MINICTL_STEPS? Options are MINICTL_"),
    ],
)  # fmt: skip
def test_a_variable_of_no_command_is_refused_by_all_of_them(kind: ConfigKind[Any], variable: str, hint: str) -> None:
    said = refusal(kind, **{variable: "1"})
    assert said.startswith(f"the environment has {variable}, which is no option\n")
    assert hint in said


def test_of_a_word_in_the_wrong_number_the_own_option_is_suggested_first() -> None:
    said = "Did you mean MINICTL_EVAL_SEEDS? seed is an option of `minictl distill`: MINICTL_SEED."
    assert refusal(EVAL, MINICTL_EVAL_SEED="1").endswith(f"\n{said}")
    said = "Did you mean MINICTL_SEED? seeds is an option of `minictl eval`: MINICTL_EVAL_SEEDS."
    assert refusal(DISTILL, MINICTL_SEEDS="1").endswith(f"\n{said}")
    assert refusal(EVAL, MINICTL_SEEDS="1").endswith("\nseeds is an option of `minictl eval`: MINICTL_EVAL_SEEDS.")


def test_all_problems_are_listed_at_once() -> None:
    said = refusal(MINICTL_STEPS="many", MINICTL_SEEDS="1", MINICTL_SEED="-1")
    assert said.startswith("3 problems:\n- ")
    for part in ("MINICTL_STEPS=many", "MINICTL_SEEDS, which is no option", "--seed -1: must be at least 0"):
        assert part in said
