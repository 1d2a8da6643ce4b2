"""What BERT, RoBERTa, XLM-R and their like have in common in transformers: names of modules and configuration fields.

Encoders with these names that are not served: ``xmod`` (a text needs a module of its language), ``roc_bert`` (it reads glyphs
and pronunciations beside words), ``esm`` (proteins; it scales embeddings by the share of masks), ``layoutlm``, ``lilt`` and
``markuplm`` (they read places on a page), ``splinter`` and ``bert-generation`` (pre-trained for one task, no general
encoders), and those that do not call transformers' AttentionInterface, by which sequences of a packed batch are kept apart:
``megatron-bert``, ``rembert``, ``ibert``, ``luke``. ``electra`` and ``distilbert`` are left to plugins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torch import nn

from reldistill import Projections, ProjectionsOnly, StudentShape

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

__all__ = ["PAPER_DROPOUT", "BertArchitecture", "PreNorm", "own_fields"]

PAPER_DROPOUT = 0.1


@dataclass(frozen=True)
class PreNorm:
    """Where a pre-norm model has norms that BERT has not: ``projections``, in a layer, between its input and its projections;
    ``last``, in the model, behind the last layer.
    """

    projections: str
    last: str


@dataclass(frozen=True)
class BertArchitecture:
    """An adapter for models with ``encoder.layer[i].attention.self.{query,key,value}``.

    ``positions_after_padding``: whether position ids start behind the padding id, as in fairseq's models. ``pre_norms``: of
    the model types whose norms stand before attention and feed-forward part instead of behind them.
    """

    name: str
    model_types: frozenset[str]
    aliases: Mapping[str, str]
    positions_after_padding: bool
    pre_norms: Mapping[str, PreNorm] = field(default_factory=dict)

    def student_config(self, config: PretrainedConfig, shape: StudentShape) -> PretrainedConfig:
        """The teacher's configuration in the student's sizes, with the paper's dropout."""
        fields = own_fields(config)
        fields.update(
            num_hidden_layers=shape.layers,
            hidden_size=shape.hidden_size,
            num_attention_heads=shape.attention_heads,
            intermediate_size=shape.intermediate_size,
            hidden_dropout_prob=PAPER_DROPOUT,
            attention_probs_dropout_prob=PAPER_DROPOUT,
        )
        return type(config)(**fields)

    def position_offset(self, config: PretrainedConfig) -> int:
        """0 for BERT; ``pad_token_id + 1`` for RoBERTa and XLM-R."""
        return int(config.pad_token_id) + 1 if self.positions_after_padding else 0

    def cut(self, model: PreTrainedModel, layers: Sequence[int]) -> None:
        """Drops the layers above the highest, all but the projections of that one, a norm behind it, and the pooler."""
        parts: Any = model
        last, norms = max(layers), self.pre_norms.get(model.config.model_type)
        layer = parts.encoder.layer[last - 1]
        norm = None if norms is None else layer.get_submodule(norms.projections)
        del parts.encoder.layer[last:]
        parts.encoder.layer[last - 1] = ProjectionsOnly(layer, self.projections(model, last), norm)
        if norms is not None:
            parts.set_submodule(norms.last, nn.Identity())
        parts.pooler = None

    def projections(self, model: PreTrainedModel, layer: int) -> Projections:
        """The three linear maps of a layer's self-attention."""
        parts: Any = model
        module = parts.encoder.layer[layer - 1]
        attention = module.attention.self
        # Of a student's last layer those that no relation needs are gone.
        query, key, value = (getattr(attention, kind, None) for kind in ("query", "key", "value"))
        return Projections(query, key, value, module)


def own_fields(config: PretrainedConfig) -> dict[str, Any]:
    """The fields of a configuration that a student takes over: all but what says where the teacher came from."""
    fields = config.to_dict()
    for belongs_to_the_teacher in ("architectures", "dtype", "torch_dtype", "_name_or_path", "transformers_version"):
        fields.pop(belongs_to_the_teacher, None)
    return fields
