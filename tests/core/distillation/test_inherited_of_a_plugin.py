"""Students of the own layers of a plugin's family: DistilBERT, whose layers and configuration fields have other names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, DistilBertConfig, DistilBertModel

from hostile_plugins import PluginFolder
from reldistill import DistillConfig, UsageError, distill
from short_runs import run
from tiny_models import make_tokenizer

DISTILBERT = """
from reldistill import Projections, ProjectionsOnly, hookimpl

class DistilBert:
    name = "distilbert"
    model_types = frozenset({"distilbert"})
    aliases = {}

    def student_config(self, config, shape):
        return type(config)(**{
            **config.to_dict(), "n_layers": shape.layers, "dim": shape.hidden_size,
            "n_heads": shape.attention_heads, "hidden_dim": shape.intermediate_size})

    def position_offset(self, config):
        return 0

    def projections(self, model, layer):
        module = model.transformer.layer[layer - 1]
        attention = module.attention
        return Projections(attention.q_lin, attention.k_lin, attention.v_lin, module)

    def cut(self, model, layers):
        last = max(layers)
        del model.transformer.layer[last:]
        model.transformer.layer[last - 1] = ProjectionsOnly(
            model.transformer.layer[last - 1], self.projections(model, last))

@hookimpl
def reldistill_teachers():
    return [DistilBert()]
"""


@pytest.fixture
def distilbert(tmp_path: Path) -> Path:
    """A teacher of four layers of width 24."""
    folder, tokenizer = tmp_path / "distilbert", make_tokenizer("bert")
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"dim": 24, "n_layers": 4, "n_heads": 4, "hidden_dim": 72, "max_position_embeddings": 64}
    DistilBertModel(DistilBertConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def baseline(folder: Path, **options: Any) -> DistillConfig:
    sizes: dict[str, Any] = {
        "student": "2x24", "student_heads": 4, "student_ffn": 72, "max_length": 40, "precision": "fp32", **options,
    }  # fmt: skip
    return DistillConfig(teacher=str(folder), steps=0, **sizes)


@pytest.mark.parametrize(("init", "layers"), [("truncate", (0, 1)), ("skip", (1, 3))])
def test_its_layers_are_found_by_its_adapter(
    distilbert: Path, here: Path, tmp_path: Path, init: str, layers: tuple[int, int]
) -> None:
    with PluginFolder(tmp_path / "plugins") as plugins:
        plugins.add("distilbert", DISTILBERT)
        student = run(baseline(distilbert, init=init)).student
    theirs, ours = load_file(distilbert / "model.safetensors"), load_file(student / "model.safetensors")
    for name, tensor in ours.items():
        for position, layer in enumerate(layers):
            if name.startswith(f"transformer.layer.{position}."):
                name = name.replace(f".layer.{position}.", f".layer.{layer}.")
                break
        assert torch.equal(tensor, theirs[name]), name
    assert AutoModel.from_pretrained(student).config.n_layers == 2


def test_another_feed_forward_width_is_refused_whatever_the_configuration_calls_it(
    distilbert: Path, here: Path, tmp_path: Path
) -> None:
    with PluginFolder(tmp_path / "plugins") as plugins:
        plugins.add("distilbert", DISTILBERT)
        with pytest.raises(
            UsageError, match=r"the student's ffn\.lin1\.weight is \[96, 24\], the teacher's \[72, 24\]"
        ) as caught:
            distill(baseline(distilbert, init="skip", student_ffn=96))
    assert "--student-heads 4 --student-ffn N, N the width of its feed-forward part" in str(caught.value)
