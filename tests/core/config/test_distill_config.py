"""The options of a distillation, checked as soon as they are there."""

from __future__ import annotations

from dataclasses import fields
from math import inf, nan
from typing import Any, get_args, get_type_hints

import pytest

from reldistill import UsageError
from reldistill.config import CHOICES, DistillConfig


def refusal(**options: Any) -> str:
    with pytest.raises(UsageError) as caught:
        DistillConfig(**{"teacher": "bert-base", **options})
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_a_teacher_is_all_that_must_be_given() -> None:
    assert DistillConfig(teacher="bert-base").relations == "qq,kk,vv"


def test_without_a_teacher_the_ways_to_name_one_are_shown() -> None:
    assert (
        refusal(teacher="") == "no teacher given\n--teacher bert-base, xlm-r-large, a local folder or an id on the Hub."
    )


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_that_there_is_not_is_refused_with_those_that_there_are(name: str) -> None:
    assert refusal(**{name: "other"}) == f"--{name} other: not a choice\nAllowed: {', '.join(CHOICES[name])}."


@pytest.mark.parametrize("name", CHOICES)
def test_the_choices_are_those_of_the_type(name: str) -> None:
    assert get_args(get_type_hints(DistillConfig)[name]) == CHOICES[name]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("batch_size", 0, "--batch-size 0: must be at least 1"),
        ("max_length", -3, "--max-length -3: must be at least 1"),
        ("student_heads", 0, "--student-heads 0: must be at least 1"),
        ("log_every", 0, "--log-every 0: must be at least 1"),
        ("student_ffn", 0, "--student-ffn 0: must be at least 1"),
        ("relation_heads", 0, "--relation-heads 0: must be at least 1"),
        ("steps", -1, "--steps -1: must be at least 0"),
        ("micro_batch_tokens", 0, "--micro-batch-tokens 0: must be at least 1"),
        ("validate_every", 0, "--validate-every 0: must be at least 1"),
        ("warmup", -1, "--warmup -1: must be at least 0"),
        ("seed", -1, "--seed -1: must be at least 0"),
        ("clip", -0.5, "--clip -0.5: must be at least 0"),
        ("clip", nan, "--clip nan: must be at least 0"),
        ("weight_decay", inf, "--weight-decay inf: must be at least 0"),
        ("learning_rate", 0.0, "--learning-rate 0.0: must be a positive number"),
        ("learning_rate", nan, "--learning-rate nan: must be a positive number"),
        ("learning_rate", inf, "--learning-rate inf: must be a positive number"),
        ("adam_epsilon", -1e-6, "--adam-epsilon -1e-06: must be a positive number"),
        ("adam_beta2", 1.0, "--adam-beta2 1.0: must be at least 0 and below 1"),
        ("adam_beta2", nan, "--adam-beta2 nan: must be at least 0 and below 1"),
    ],
)
def test_a_number_out_of_range_is_refused_by_its_flag(name: str, value: float, said: str) -> None:
    assert refusal(**{name: value}) == said


@pytest.mark.parametrize("name", ["steps", "warmup", "clip", "weight_decay", "seed", "adam_beta2"])
def test_zero_is_allowed_where_it_means_something(name: str) -> None:
    options: dict[str, Any] = {"teacher": "bert-base", name: 0}
    assert getattr(DistillConfig(**options), name) == 0


def test_every_option_has_help() -> None:
    assert [field.name for field in fields(DistillConfig) if not field.metadata["help"]] == []


@pytest.mark.parametrize("name", ["output", "overwrite", "log_every", "validate_every", "track"])
def test_options_of_the_output_do_not_belong_to_the_result(name: str) -> None:
    assert name not in DistillConfig(teacher="bert-base").result_options()


@pytest.mark.parametrize("name", ["teacher", "relations", "data", "seed", "steps", "max_length", "precision"])
def test_options_that_change_the_student_belong_to_the_result(name: str) -> None:
    assert name in DistillConfig(teacher="bert-base").result_options()
