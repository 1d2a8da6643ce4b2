"""A family that a plugin brings: DistilBERT, whose layers and configuration fields have other names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import DistilBertConfig, DistilBertModel

from tiny_models import make_tokenizer

__all__ = ["DISTILBERT", "make_distilbert"]

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


def make_distilbert(folder: Path) -> Path:
    """A teacher of four layers of width 24."""
    tokenizer = make_tokenizer("bert")
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"dim": 24, "n_layers": 4, "n_heads": 4, "hidden_dim": 72, "max_position_embeddings": 64}
    DistilBertModel(DistilBertConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
