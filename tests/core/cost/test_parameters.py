"""Counts against real models, built without memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import nn
from transformers import (
    AutoModel,
    BertConfig,
    CamembertConfig,
    ErnieConfig,
    ModernBertConfig,
    PretrainedConfig,
    RobertaConfig,
    RobertaPreLayerNormConfig,
    XLMRobertaConfig,
    XLMRobertaXLConfig,
)

from reldistill import Registry, StudentShape, TeacherAdapter
from reldistill.cost import EncoderSize, ModelSize, Parameters, encoder_parameters, model_parameters
from reldistill.encoder import student_encoder

TEACHERS = Registry.installed().teachers
ALL = frozenset(("query", "key", "value"))
CONFIGS: dict[str, PretrainedConfig] = {
    "bert": BertConfig(),
    "roberta": RobertaConfig(vocab_size=50_265, max_position_embeddings=514, type_vocab_size=1),
    "xlm-r": XLMRobertaConfig(
        vocab_size=250_002, hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096,
        max_position_embeddings=514, type_vocab_size=1,
    ),
    "camembert": CamembertConfig(vocab_size=32_005, max_position_embeddings=514, type_vocab_size=1),
    "ernie": ErnieConfig(use_task_id=True),
    "modernbert": ModernBertConfig(),
    "modernbert with biases": ModernBertConfig(attention_bias=True, mlp_bias=True, norm_bias=True),
}  # fmt: skip


def adapter_of(family: str) -> TeacherAdapter:
    return TEACHERS.get(family.split()[0]).thing


def counted(module: nn.Module) -> Parameters:
    """What the formulas are to say."""
    named = list(module.named_parameters())

    def add(parameters: Iterable[nn.Parameter]) -> int:
        return sum(parameter.numel() for parameter in parameters)

    embeddings = [(name, p) for name, p in named if "embeddings." in name]
    others = [p for name, p in named if "embeddings." not in name]
    return Parameters(add(p for _, p in embeddings), add(others), add(p for p in others if p.dim() == 2))


@pytest.mark.parametrize("family", CONFIGS)
def test_a_whole_teacher_and_a_whole_student(family: str) -> None:
    adapter = adapter_of(family)
    for config in (CONFIGS[family], adapter.student_config(CONFIGS[family], StudentShape(3, 60, 6, 77))):
        with torch.device("meta"):
            model = AutoModel.from_config(config)
        assert model_parameters(ModelSize.of(config)) == counted(model)


@pytest.mark.parametrize(
    "needs", [ALL, frozenset(("key", "hidden")), frozenset(("hidden",))], ids=lambda n: "+".join(sorted(n))
)
@pytest.mark.parametrize("layer", [1, 7])
@pytest.mark.parametrize("family", CONFIGS)
def test_what_is_left_after_the_cut(family: str, layer: int, needs: frozenset[str]) -> None:
    config = CONFIGS[family]
    with torch.device("meta"):
        model = AutoModel.from_config(config)
    encoder = student_encoder(model, adapter_of(family), [layer], needs)
    size = EncoderSize(ModelSize.of(config), layer, len(needs - {"hidden"}))
    assert encoder_parameters(size) == counted(encoder)


@pytest.mark.parametrize("config", [XLMRobertaXLConfig, RobertaPreLayerNormConfig])
def test_of_pre_norm_models_with_berts_modules_a_norm_at_most_is_missing(config: Any) -> None:
    of = config(
        vocab_size=101, hidden_size=60, num_hidden_layers=8, num_attention_heads=5, intermediate_size=77,
        max_position_embeddings=47, type_vocab_size=1, pad_token_id=1,
    )  # fmt: skip
    adapter = next(found.thing for found in TEACHERS if of.model_type in found.thing.model_types)
    with torch.device("meta"):
        model = AutoModel.from_config(of)
    size = EncoderSize(ModelSize.of(of), 7)
    assert abs(model_parameters(size.model).total - counted(model).total) <= 2 * 60
    encoder = student_encoder(model, adapter, [7], ALL)
    assert abs(encoder_parameters(size).total - counted(encoder).total) <= 2 * 60


def test_the_papers_students_of_bert_have_its_numbers_of_parameters() -> None:
    """Table 3 and METHOD.md: 6x384 has 22 million, 12x384 33, 6x768 66."""
    for shape, millions in (((6, 384), 22), ((12, 384), 33), ((6, 768), 66)):
        config = TEACHERS.get("bert").thing.student_config(BertConfig(), StudentShape(*shape))
        found = model_parameters(ModelSize.of(config)).total
        pooler = config.hidden_size * (config.hidden_size + 1)
        assert int((found - pooler) / 1e6) == millions
