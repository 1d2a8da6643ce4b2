"""Presets against the table of the method's numbers."""

from __future__ import annotations

from typing import Any

import pytest

from reldistill import DistillConfig
from reldistill.config import DISTILL, PRESETS, checked, resolve_config
from reldistill.distillation import paper_defaults
from reldistill.teacher import StudentShape

MINILMV2 = {
    "init": "random", "student_heads": 12, "relations": "qq,kk,vv", "batch_size": 256, "max_length": 512, "learning_rate": 6e-4,
    "warmup": 4_000, "weight_decay": 0.01, "adam_epsilon": 1e-6,
}  # fmt: skip
PAPER: dict[str, dict[str, Any]] = {
    "minilmv2-base": {**MINILMV2, "layers": "last", "relation_heads": 48, "steps": 400_000, "adam_beta2": 0.999},
    "minilmv2-large": {**MINILMV2, "layers": "paper", "relation_heads": 64, "steps": 400_000},
    "minilmv2-xlmr": {**MINILMV2, "layers": "paper", "steps": 1_000_000, "adam_beta2": 0.999},
    "minilm-v1": {"relations": "qk,vv", "relation_heads": "attention", "layers": "last"},
}


def test_the_presets_are_those_of_the_paper() -> None:
    assert {name: {option: v.value for option, v in preset.values.items()} for name, preset in PRESETS.items()} == PAPER


@pytest.mark.parametrize("name", PRESETS)
def test_each_value_is_of_its_type_and_names_its_source(name: str) -> None:
    for option, given in PRESETS[name].values.items():
        assert checked(DISTILL.types[option], given.value, asked=option) == given.value
        assert given.source.startswith(("section ", "other implementations", "MiniLM"))
    assert PRESETS[name].name == name
    assert PRESETS[name].about


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_and_a_teacher_are_a_configuration(name: str) -> None:
    config = resolve_config({"preset": name, "teacher": "bert-base"}, {}).config
    for option, value in PAPER[name].items():
        assert getattr(config, option) == value


@pytest.mark.parametrize(
    ("name", "family", "depths"),
    [("minilmv2-base", "bert", (12,)), ("minilmv2-large", "roberta", (24,)), ("minilmv2-xlmr", "xlm-r", (12, 24))],
)
def test_with_and_without_its_preset_a_teacher_of_the_paper_is_distilled_alike(
    name: str, family: str, depths: tuple[int, ...]
) -> None:
    config, default = resolve_config({"preset": name, "teacher": "any"}, {}).config, DistillConfig(teacher="any")
    for field in ("init", "student_heads", "relations", "batch_size", "max_length", "learning_rate", "weight_decay"):
        assert getattr(config, field) == getattr(default, field)
    assert config.steps == paper_defaults.steps(family)
    assert config.warmup == paper_defaults.warmup(config.steps)
    small = StudentShape(6, 384)
    for depth in depths:
        assert config.relation_heads in (None, paper_defaults.relation_heads(depth))
        assert config.adam_beta2 in (None, paper_defaults.adam_beta2(family, depth, small))
