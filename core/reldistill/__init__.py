"""Multi-head self-attention relation distillation (MiniLMv2) for BERT, RoBERTa and XLM-R.

What is named here is public. It is imported on first use: ``import reldistill`` alone does not import torch.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from reldistill.distillation import DistillConfig, DistillResult, distill
    from reldistill.encoder import Encoder, PackedTokens
    from reldistill.errors import CheckpointError, DataError, PluginError, ReldistillError, UsageError
    from reldistill.eval_task import Encoded, EvalTask, Evaluation
    from reldistill.hookspecs import PLUGIN_API, hookimpl
    from reldistill.layers import LayerContext, LayerEvidence, LayerPair, LayerStrategy
    from reldistill.loss import RelationLoss, relation_loss
    from reldistill.projections import ProjectionsOnly
    from reldistill.registry import Registry
    from reldistill.relation import PairRelation, Relation
    from reldistill.states import AttentionStates
    from reldistill.teacher import FusedPart, Projections, StudentShape, TeacherAdapter

_HOME = {
    "distillation": ("DistillConfig", "DistillResult", "distill"),
    "encoder": ("Encoder", "PackedTokens"),
    "errors": ("CheckpointError", "DataError", "PluginError", "ReldistillError", "UsageError"),
    "eval_task": ("Encoded", "EvalTask", "Evaluation"),
    "hookspecs": ("PLUGIN_API", "hookimpl"),
    "layers": ("LayerContext", "LayerEvidence", "LayerPair", "LayerStrategy"),
    "loss": ("RelationLoss", "relation_loss"),
    "projections": ("ProjectionsOnly",),
    "registry": ("Registry",),
    "relation": ("PairRelation", "Relation"),
    "states": ("AttentionStates",),
    "teacher": ("FusedPart", "Projections", "StudentShape", "TeacherAdapter"),
}

__all__ = [  # noqa: RUF022 - grouped as above
    "DistillConfig", "DistillResult", "distill", "Encoder", "PackedTokens",
    "CheckpointError", "DataError", "PluginError", "ReldistillError", "UsageError",
    "PLUGIN_API", "hookimpl", "LayerContext", "LayerEvidence", "LayerPair", "LayerStrategy", "RelationLoss", "relation_loss",
    "ProjectionsOnly",
    "Registry", "PairRelation", "Relation", "AttentionStates", "FusedPart", "Projections", "StudentShape", "TeacherAdapter",
    "Encoded", "EvalTask", "Evaluation", "__version__",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("reldistill")
    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(f"reldistill.{module}"), name)
    raise AttributeError(f"module 'reldistill' has no attribute {name!r}")
