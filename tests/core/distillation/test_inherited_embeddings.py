"""Students with the teacher's embeddings and layers of their own."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForMaskedLM, AutoTokenizer, XLMConfig, XLMModel

from conftest import MakeTeacher
from reldistill import DistillConfig, Registry, StudentShape, UsageError
from reldistill.distillation.inherited import inherited_layers, inherited_student
from reldistill.distillation.inherited_embeddings import _place
from reldistill.distillation.locate import Teacher, locate_teacher
from reldistill.distillation.student import new_student
from short_runs import configure, run
from tiny_models import BERT_SHAPED, write_text

REGISTRY = Registry.installed()
OTHER_HEADS: dict[str, Any] = {"student": "3x24", "student_heads": 2, "student_ffn": 48, "init": "embeddings"}


def located(folder: Path) -> Teacher:
    return locate_teacher(str(folder), REGISTRY)


def student_config(teacher: Teacher, *, width: int = 24) -> Any:
    """Three layers of other heads and another feed-forward width than the teacher's."""
    shape = StudentShape(3, hidden_size=width, attention_heads=2, intermediate_size=48)
    return teacher.adapter.student_config(teacher.config, shape)


@pytest.mark.parametrize("family", [*BERT_SHAPED, "modernbert"])
def test_embeddings_are_the_teachers_and_all_else_is_that_of_a_random_student(
    teacher: MakeTeacher, family: str
) -> None:
    folder = teacher(family, layers=4)
    config = student_config(located(folder))
    torch.manual_seed(3)
    student = inherited_student(located(folder), config, inherited_layers("embeddings", located(folder), config) or ())
    theirs, at_random = load_file(folder / "model.safetensors"), new_student(config, 3).state_dict()
    ours = student.model.state_dict()
    assert ours.keys() == at_random.keys()
    inherited = {name for name in ours if name.startswith("embeddings.")}
    assert inherited
    for name, tensor in ours.items():
        assert torch.equal(tensor, (theirs if name in inherited else at_random)[name]), name
    assert set(student.random) == {name for name, _ in student.model.named_parameters()} - inherited
    assert any(not torch.equal(at_random[name], theirs[name]) for name in inherited)


def test_another_width_is_refused_and_the_fitting_option_shown(teacher: MakeTeacher) -> None:
    there = located(teacher("bert", layers=4))
    with pytest.raises(
        UsageError, match=r"embeddings\.word_embeddings\.weight is \[\d+, 12\], the teacher's \[\d+, 24\]"
    ) as caught:
        inherited_layers("embeddings", there, student_config(there, width=12))
    assert "--student 3x24, or --init random" in str(caught.value)


def test_a_family_whose_embeddings_lie_in_several_parts_is_refused() -> None:
    config = XLMConfig(vocab_size=50, emb_dim=24, n_layers=2, n_heads=4, max_position_embeddings=32)
    with torch.device("meta"):
        model: Any = XLMModel(config)
    adapter: Any = SimpleNamespace(projections=lambda model, layer: SimpleNamespace(layer=model.attentions[layer - 1]))
    with pytest.raises(UsageError, match="those of a xlm do not lie in one part of the model"):
        _place(model, adapter)


def test_those_of_a_model_for_masked_words_are_found_behind_its_prefix(teacher: MakeTeacher, tmp_path: Path) -> None:
    plain = teacher("bert", layers=4)
    masked: Any = AutoModelForMaskedLM.from_config(AutoConfig.from_pretrained(plain))
    masked.save_pretrained(tmp_path / "masked")
    AutoTokenizer.from_pretrained(plain).save_pretrained(tmp_path / "masked")
    there = located(tmp_path / "masked")
    student = inherited_student(there, student_config(there), ())
    theirs = load_file(tmp_path / "masked" / "model.safetensors")
    name = "embeddings.word_embeddings.weight"
    assert torch.equal(student.model.state_dict()[name], theirs[f"bert.{name}"])


def test_a_run_starts_from_them_and_trains_them(teacher: MakeTeacher, text: Path, here: Path) -> None:
    folder, held_out = teacher("roberta", layers=4), write_text(here / "held-out.txt", 20)
    start = DistillConfig(
        teacher=str(folder), steps=0, max_length=40, precision="fp32", validation=(str(held_out),), **OTHER_HEADS
    )
    untrained = run(start)
    name = "embeddings.word_embeddings.weight"
    theirs = load_file(folder / "model.safetensors")[name]
    assert torch.equal(load_file(untrained.student / "model.safetensors")[name], theirs)
    card = (untrained.student / "README.md").read_text()
    assert "Nothing was trained: all its tensors but the teacher's embeddings are random, of seed 0." in card
    assert "| Start | the teacher's embeddings, random layers, seed 0 |" in card

    options: dict[str, Any] = {"steps": 30, "learning_rate": 2e-3, "validation": (str(held_out),)}
    trained = run(configure(folder, text, output=str(here / "run"), **OTHER_HEADS, **options))
    assert trained.validation["before"]["loss"] == pytest.approx(untrained.validation["before"]["loss"], rel=1e-5)
    assert trained.validation["after"]["loss"] < trained.validation["before"]["loss"]
    assert not torch.equal(load_file(trained.student / "model.safetensors")[name], theirs)
    card = (trained.student / "README.md").read_text()
    assert "as they were initialised:\n\n- `encoder.layer.2.attention.output.dense.weight`" in card


def test_the_same_seed_makes_the_same_student(teacher: MakeTeacher, text: Path, here: Path) -> None:
    weights = []
    for number in (1, 2):
        torch.manual_seed(number)  # of whatever was drawn before
        options: dict[str, Any] = {"steps": 3, "output": str(here / f"run-{number}"), **OTHER_HEADS}
        weights.append(
            (run(configure(teacher("bert", layers=4), text, **options)).student / "model.safetensors").read_bytes()
        )
    assert weights[0] == weights[1]
