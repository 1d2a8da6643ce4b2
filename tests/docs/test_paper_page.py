"""Paper to code: what is named there can be imported, and each default is the one that is taken."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest
from transformers import BertConfig

from reldistill import LayerContext, Registry, StudentShape
from reldistill.config import PRESETS, DistillConfig
from reldistill.distillation import paper_defaults

PAGE = (Path(__file__).parents[2] / "docs/paper-to-code.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(reldistill(?:_loader)?(?:\.\w+)+)`", PAGE)))


def rows_below(heading: str) -> list[list[str]]:
    """The cells of the table in a section."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


DEFAULTS = {option.strip("`"): (value, source) for option, value, source in rows_below("Defaults")}


@pytest.mark.parametrize("name", NAMED)
def test_what_stands_beside_an_equation_is_there(name: str) -> None:
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        try:
            thing = import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[end:]:
            thing = getattr(thing, attribute)
        return
    pytest.fail(f"no module of {name}")


@pytest.mark.parametrize("equation", ["1 to 3", "4", "7 and 8", "6", "5"])
def test_each_equation_is_typeset_and_has_its_function(equation: str) -> None:
    section = PAGE.partition(f"\n### {equation}:")[2].partition("\n### ")[0]
    assert '<math display="block">' in section
    assert re.search(r"^- `reldistill\.", section, re.MULTILINE)


@pytest.mark.parametrize("option", ["student", "student_heads", "init", "relations", "layers", "batch_size", "max_length",
                                    "learning_rate", "adam_epsilon", "weight_decay", "clip", "mixing"])  # fmt: skip
def test_a_default_that_needs_no_model_is_that_of_the_options(option: str) -> None:
    written, _ = DEFAULTS["--" + option.replace("_", "-")]
    default = getattr(DistillConfig(teacher="any"), option)
    assert (float(written) if isinstance(default, float) else written) in (default, str(default))


def test_the_defaults_that_wait_for_the_models_are_those_that_are_filled_in() -> None:
    assert (
        DEFAULTS["--relation-heads"][0]
        == f"{paper_defaults.relation_heads(12)}, large teachers {paper_defaults.relation_heads(24)}"
    )
    assert DEFAULTS["--steps"][0] == f"{paper_defaults.steps('bert'):,}, XLM-R {paper_defaults.steps('xlm-r'):,}"
    assert DEFAULTS["--warmup"][0] == f"{paper_defaults.warmup(400_000):,}"
    wide = StudentShape(12, 768, 12, 3072)
    plain, roberta = (paper_defaults.adam_beta2(family, 24, wide) for family in ("bert", "roberta"))
    assert DEFAULTS["--adam-beta2"][0] == f"{plain}, 12x768 of RoBERTa-large {roberta}"


LAYERS = {
    ("bert", 12): (12, "the last of a base-size teacher"),
    ("bert", 24): (21, "21 of BERT-large"),
    ("roberta", 24): (19, "19 of RoBERTa-large"),
    ("xlm-r", 24): (19, "and XLM-R-large"),
}


@pytest.mark.parametrize(("family", "depth"), LAYERS)
def test_the_layers_of_the_paper_are_those_of_the_strategy(family: str, depth: int) -> None:
    strategy = Registry.installed().layer_strategies.get("paper").thing
    context = LayerContext(family=family, teacher_layers=depth, student_layers=6, teacher_width=1024, student_width=384)
    (pair,) = strategy.pairs(context)
    layer, words = LAYERS[family, depth]
    assert pair.teacher_layer == layer
    assert words in DEFAULTS["--layers"][1]


def test_a_value_of_a_preset_has_the_source_that_stands_here() -> None:
    for name in ("minilmv2-base", "minilmv2-large", "minilmv2-xlmr"):
        for option, given in PRESETS[name].values.items():
            assert given.source.partition(":")[0] in DEFAULTS["--" + option.replace("_", "-")][1], (name, option)


def test_dropout_is_what_the_page_says() -> None:
    assert "the student's dropout 0.1" in PAGE
    adapter = Registry.installed().teachers.get("bert").thing
    student = adapter.student_config(BertConfig(hidden_dropout_prob=0.3), StudentShape(2, 24, 2, 96))
    assert (student.hidden_dropout_prob, student.attention_probs_dropout_prob) == (0.1, 0.1)
