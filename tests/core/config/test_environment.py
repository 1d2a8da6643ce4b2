"""MINICTL_ variables: strictly typed, and none is overlooked."""

from __future__ import annotations

import pytest

from reldistill import UsageError
from reldistill.config import read_environment


def refusal(**environment: str) -> str:
    with pytest.raises(UsageError) as caught:
        read_environment(environment)
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


def test_all_problems_are_listed_at_once() -> None:
    said = refusal(MINICTL_STEPS="many", MINICTL_SEEDS="1", MINICTL_SEED="-1")
    assert said.startswith("3 problems:\n- ")
    for part in ("MINICTL_STEPS=many", "MINICTL_SEEDS, which is no option", "--seed -1: must be at least 0"):
        assert part in said
