"""What BERT, RoBERTa and XLM-R have in common in transformers: the names of their modules and configuration fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reldistill import Projections, ProjectionsOnly, StudentShape

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

__all__ = ["BertArchitecture"]

PAPER_DROPOUT = 0.1


@dataclass(frozen=True)
class BertArchitecture:
    """An adapter for models with ``encoder.layer[i].attention.self.{query,key,value}``.

    ``positions_after_padding``: whether position ids start behind the padding id, as in fairseq's models.
    """

    name: str
    model_types: frozenset[str]
    aliases: Mapping[str, str]
    positions_after_padding: bool

    def student_config(self, config: PretrainedConfig, shape: StudentShape) -> PretrainedConfig:
        """The teacher's configuration in the student's sizes, with the paper's dropout."""
        fields = config.to_dict()
        for belongs_to_the_teacher in (
            "architectures",
            "dtype",
            "torch_dtype",
            "_name_or_path",
            "transformers_version",
        ):
            fields.pop(belongs_to_the_teacher, None)
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
        """Drops the layers above the highest, all but the projections of that one, and the pooler."""
        parts: Any = model
        last = max(layers)
        del parts.encoder.layer[last:]
        parts.encoder.layer[last - 1] = ProjectionsOnly(parts.encoder.layer[last - 1], self.projections(model, last))
        parts.pooler = None

    def projections(self, model: PreTrainedModel, layer: int) -> Projections:
        """The three linear maps of a layer's self-attention."""
        parts: Any = model
        module = parts.encoder.layer[layer - 1]
        attention = module.attention.self
        # Of a student's last layer those that no relation needs are gone.
        query, key, value = (getattr(attention, kind, None) for kind in ("query", "key", "value"))
        return Projections(query, key, value, module)
