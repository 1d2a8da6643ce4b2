"""Relations, strategies, adapters and tasks of plugins that break their contract while they are used."""

from __future__ import annotations

__all__ = ["RELATION", "adapter", "strategy", "task"]

RELATION = """
import sys
import torch
from reldistill import hookimpl

class Breaks(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        raise RuntimeError("no way back")

class Relation:
    name = "bad"
    needs = frozenset({{"hidden"}})

    def logits(self, states, relation_heads):
        hidden = states.require("hidden")
        good = (hidden @ hidden.T).unsqueeze(0)
{body}
        return good

@hookimpl
def reldistill_relations():
    return [Relation()]
"""
"""A plugin whose relation is sound but for ``{body}``, lines indented by eight spaces."""

_STRATEGY = """
import random, sys
from reldistill import LayerPair, UsageError, hookimpl

class Strategy:
    name = "bad"

    def pairs(self, context):
        {body}

@hookimpl
def reldistill_layer_strategies():
    return [Strategy()]
"""

_ADAPTER = """
import sys
from torch import nn
from reldistill import Projections, ProjectionsOnly, hookimpl

class Adapter:
    name = "bad"
    model_types = frozenset({{"electra"}})
    aliases = {{}}

    def student_config(self, config, shape):
        return type(config)(**{{
            **config.to_dict(), "num_hidden_layers": shape.layers, "hidden_size": shape.hidden_size,
            "embedding_size": shape.hidden_size, "num_attention_heads": shape.attention_heads,
            "intermediate_size": shape.intermediate_size}})

    def position_offset(self, config):
        return 0

    def projections(self, model, layer):
        module = model.encoder.layer[layer - 1]
        attention = module.attention.self
        return Projections(attention.query, attention.key, attention.value, module)

    def cut(self, model, layers):
        last = max(layers)
        del model.encoder.layer[last:]
        model.encoder.layer[last - 1] = ProjectionsOnly(model.encoder.layer[last - 1], Adapter.projections(self, model, last))

class Bad(Adapter):
    def {method}:
        {body}

@hookimpl
def reldistill_teachers():
    return [Bad()]
"""

_TASK = """
import os, sys
from dataclasses import dataclass
from datasets import Dataset
from reldistill import Evaluation, hookimpl
from reldistill_plugins.tasks.sentences import SentenceTask

@dataclass(frozen=True)
class Task(SentenceTask):
    def selection(self, languages):
        return [Evaluation("dev", "dev")]

    def evaluations(self, languages):
        return [Evaluation("dev", "dev")]

    def load(self, source, split, language):
        return Dataset.from_dict({{"index": ["0", "1"], "text": ["calm sea", "wild sea"], "label": ["calm", "angry"]}})

@dataclass(frozen=True)
class Bad(Task):
    def {method}:
        {body}

@hookimpl
def reldistill_tasks():
    return [Bad("bad", ("calm", "angry"), ("accuracy",), "accuracy", epochs=(1,), learning_rates=(2e-5,), family="bad")]
"""


def strategy(body: str) -> str:
    """A plugin whose strategy has a method of one line."""
    return _STRATEGY.format(body=body)


def adapter(method: str, body: str) -> str:
    """A plugin for ELECTRA that is sound but for a method of one line."""
    return _ADAPTER.format(method=method, body=body)


def task(method: str, body: str) -> str:
    """A plugin whose task is sound but for a method of one line."""
    return _TASK.format(method=method, body=body)
