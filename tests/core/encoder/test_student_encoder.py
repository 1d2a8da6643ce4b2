"""A student is trained through an encoder that shares its parameters: all that relations reach, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedModel

from conftest import MakeTeacher
from reldistill import PackedTokens, Registry, StudentShape, relation_loss
from reldistill.distillation.student import new_student, write_student
from reldistill.encoder import load_teacher, student_encoder
from tiny_models import SHAPES, adapter_of, documents, padded

REGISTRY = Registry.installed()
NINE = [provided.thing for provided in REGISTRY.relations]
SHAPE = StudentShape(layers=2, hidden_size=12, attention_heads=3)


def make_student(folder: Path, family: str) -> PreTrainedModel:
    adapter = adapter_of(family)
    return new_student(adapter.student_config(AutoConfig.from_pretrained(folder), SHAPE), seed=1)


@pytest.mark.parametrize("relation", NINE, ids=lambda relation: relation.name)
@pytest.mark.parametrize("family", SHAPES)
def test_each_relation_alone_gives_every_trained_parameter_a_gradient(
    teacher: MakeTeacher, family: str, relation: object
) -> None:
    folder, adapter = teacher(family, layers=3), adapter_of(family)
    chosen = REGISTRY.relations.get(relation.name).thing  # type: ignore[attr-defined]
    config, tokenizer = AutoConfig.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    model = make_student(folder, family)
    ours = student_encoder(model, adapter, [2], chosen.needs).eval()
    theirs = load_teacher(folder, config, adapter, [3], chosen.needs)
    packed = PackedTokens.from_padded(*padded(tokenizer, documents(4)), adapter.position_offset(config))
    relation_loss(theirs(packed)[3], ours(packed)[2], {chosen: 1.0}, 6).total.backward()
    assert [name for name, parameter in ours.named_parameters() if parameter.grad is None] == []
    trained = {id(parameter) for parameter in ours.parameters()}
    assert {id(p) for p in model.parameters() if p.requires_grad} == trained
    assert all(p.grad is None for p in model.parameters() if id(p) not in trained)
    assert all(p.grad is None for p in theirs.parameters())


def test_what_is_not_reached_is_frozen_and_listed(teacher: MakeTeacher) -> None:
    model = make_student(teacher("bert", layers=3), "bert")
    student_encoder(model, REGISTRY.teachers.get("bert").thing, [2], frozenset({"query"}))
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert {name.rpartition(".")[0] for name in frozen} == {
        "encoder.layer.1.attention.self.key",
        "encoder.layer.1.attention.self.value",
        "encoder.layer.1.attention.output.dense",
        "encoder.layer.1.attention.output.LayerNorm",
        "encoder.layer.1.intermediate.dense",
        "encoder.layer.1.output.dense",
        "encoder.layer.1.output.LayerNorm",
        "pooler.dense",
    }


@pytest.mark.parametrize("family", SHAPES)
def test_a_written_student_has_all_its_tensors_as_trained(teacher: MakeTeacher, family: str, tmp_path: Path) -> None:
    folder = teacher(family, layers=3)
    model, tokenizer = make_student(folder, family), AutoTokenizer.from_pretrained(folder)
    encoder = student_encoder(model, adapter_of(family), [2], frozenset({"query"}))
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.25)
    write_student(model, tokenizer, {"README.md": "card"}, tmp_path / "student")
    loaded, report = AutoModel.from_pretrained(tmp_path / "student", output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
    assert AutoTokenizer.from_pretrained(tmp_path / "student")("Salt")["input_ids"] == tokenizer("Salt")["input_ids"]


def test_the_same_seed_gives_the_same_student(teacher: MakeTeacher) -> None:
    folder = teacher("bert", layers=3)
    one, two = (make_student(folder, "bert").state_dict() for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_6x384_student_of_bert_has_22_million_parameters() -> None:
    from transformers import BertConfig

    config = REGISTRY.teachers.get("bert").thing.student_config(BertConfig(), StudentShape(6, 384))
    with torch.device("meta"):
        parameters = sum(p.numel() for p in AutoModel.from_config(config).parameters())
    assert round(parameters / 1e6, 1) == 22.7
