"""The options of an evaluation, checked as soon as they are there, and with a task's defaults filled in."""

from __future__ import annotations

from dataclasses import fields
from math import nan
from typing import Any

import pytest

from reldistill import Registry, UsageError
from reldistill.config import EvalConfig, EvalPlan
from reldistill.config.eval_config import SEEDS


def refusal(**options: Any) -> str:
    with pytest.raises(UsageError) as caught:
        EvalConfig(**options)
    assert caught.value.exit_code == 2
    return str(caught.value)


def plan(task: str, **options: Any) -> EvalPlan:
    return EvalConfig(**options).resolved(Registry.installed().tasks.get(task).thing)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("learning_rates", (), "--learning-rates is empty"),
        ("learning_rates", (2e-5, 0), "--learning-rates 2e-05,0.0: each must be above 0 and below 1"),
        ("learning_rates", (1.0,), "--learning-rates 1.0: each must be above 0 and below 1"),
        ("learning_rates", (nan,), "--learning-rates nan: each must be above 0 and below 1"),
        ("epochs", (3, 3), "--epochs 3,3: one twice"),
        ("epochs", (-1,), "--epochs -1: each must be at least 0 and below 2,147,483,648"),
        ("epochs", (0, 3), "--epochs 0,3: 0 stands alone"),
        ("seeds", (1, 2**31), "--seeds 1,2147483648: each must be at least 0 and below 2,147,483,648"),
        ("languages", (), "--languages is empty"),
        ("languages", ("en", "en"), "--languages en,en: one twice"),
        ("languages", ("all", "en"), "--languages all,en: all stands alone"),
        ("train_languages", ("en", "all"), "--train-languages en,all: all stands alone"),
        ("max_length", 0, "--max-length 0: must be at least 1"),
        ("batch_size", 0, "--batch-size 0: must be at least 1"),
        ("model", "", "--model is empty"),
        ("data_dir", "", "--data-dir is empty"),
        ("output", "", "--output is empty"),
        ("predict", "dev", "--predict dev: not a choice\nAllowed: test."),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_its_flag(name: str, value: object, said: str) -> None:
    assert refusal(**{name: value}).startswith(said)


def test_every_option_has_help() -> None:
    assert [field.name for field in fields(EvalConfig) if not field.metadata["help"]] == []


def test_what_is_left_open_is_the_task_s() -> None:
    found = plan("xnli")
    assert (found.learning_rates, found.epochs, found.seeds) == ((3e-5, 4e-5, 5e-5, 6e-5), (5,), SEEDS)
    assert (found.max_length, found.batch_size, found.train_languages) == (128, 128, ("en",))
    assert len(found.languages) == 15


def test_all_is_every_language_of_the_task_to_train_on_or_to_score() -> None:
    every = plan("xnli").languages
    assert plan("xnli", languages=("all",)).languages == every
    assert plan("xnli", train_languages=("all",)).train_languages == every
    assert plan("xnli", languages=("fr", "sw"), train_languages=("de",)).languages == ("fr", "sw")
    assert plan("xnli", languages=("fr",), train_languages=("de", "en")).train_languages == ("de", "en")


def test_a_language_that_the_task_has_not_is_refused_with_those_that_it_has() -> None:
    with pytest.raises(UsageError, match="xnli has no rows in 'xx'\nIt has en, "):
        plan("xnli", train_languages=("xx",))
    assert plan("mlqa", languages=("es-en",)).languages == ("es-en",)
