"""MiniLM, the predecessor: as many relation heads as attention heads, attention and value relations of the last layer."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from conftest import MakeTeacher
from reldistill import AttentionStates, DistillConfig, DistillResult, PairRelation, UsageError, distill
from reldistill.config import resolve_config
from reldistill.distillation import DryRun
from tiny_models import write_text


@pytest.fixture
def config(teacher: MakeTeacher, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DistillConfig:
    """The preset on a teacher of 4 attention heads, with held-out text."""
    monkeypatch.chdir(tmp_path)
    options = {
        "preset": "minilm-v1", "teacher": str(teacher("roberta", layers=3)), "student": "2x12", "student_heads": 4, "data": (str(text),),
        "validation": (str(write_text(tmp_path / "held-out.txt", 20)),), "max_length": 40, "batch_size": 16, "steps": 80,
        "learning_rate": 5e-3, "precision": "fp32",
    }  # fmt: skip
    return resolve_config(options, {}).config


def test_the_student_learns_the_attention_and_the_value_relations_of_the_last_layer(config: DistillConfig) -> None:
    result = distill(config)
    assert isinstance(result, DistillResult)
    plan = result.plan.describe()
    assert plan["relations"] == {"qk": 1.0, "vv": 1.0}
    assert (plan["relation_heads"], plan["layers"]) == (4, [[3, 2, 1.0]])
    for relation in ("qk", "vv"):
        before, after = (result.validation[moment][f"loss/{relation}"] for moment in ("before", "after"))
        assert after < 0.95 * before


def test_it_is_the_run_with_that_number_of_relation_heads(config: DistillConfig) -> None:
    short = replace(config, steps=2)
    first = distill(short)
    again = distill(replace(short, relation_heads=4))
    assert isinstance(first, DistillResult)
    assert isinstance(again, DistillResult)
    assert again.already_there
    assert again.folder == first.folder
    assert json.loads((first.student / "distillation.json").read_text())["plan"]["relation_heads"] == 4


@pytest.mark.parametrize("heads", [2, 3, 12])
def test_other_numbers_of_attention_heads_are_refused(config: DistillConfig, heads: int) -> None:
    with pytest.raises(UsageError, match=f"has 4 attention heads, the student {heads}") as caught:
        distill(replace(config, student_heads=heads))
    assert "pass --student-heads 4" in str(caught.value)
    assert isinstance(distill(replace(config, student_heads=heads, relation_heads=4), dry_run=True), DryRun)


def test_with_as_many_relation_heads_the_relation_of_query_and_key_is_the_attention_distribution(
    teacher: MakeTeacher,
) -> None:
    folder = teacher("bert", layers=3)
    model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    ids = AutoTokenizer.from_pretrained(folder)("Salt, rope and tar", return_tensors="pt")
    taken: dict[str, torch.Tensor] = {}
    attention = model.encoder.layer[2].attention.self
    for name in ("query", "key"):
        getattr(attention, name).register_forward_hook(lambda _m, _i, out, name=name: taken.update({name: out[0]}))
    with torch.no_grad():
        distributions = model(**ids, output_attentions=True).attentions[2][0]
    tokens = taken["query"].shape[0]
    states = AttentionStates(
        taken["query"], taken["key"], None, None, torch.tensor([0, tokens], dtype=torch.int32), (tokens,)
    )
    relation = PairRelation("qk", "query", "key").logits(states, 4).softmax(-1)
    torch.testing.assert_close(relation, distributions)
