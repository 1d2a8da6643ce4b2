"""A family of teachers for ``minictl distill --teacher``: ELECTRA (Clark et al. 2020)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reldistill import Projections, ProjectionsOnly, StudentShape, TeacherAdapter, hookimpl

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

reldistill_api = 1

ALIASES = {
    "electra-small": "google/electra-small-discriminator",
    "electra-base": "google/electra-base-discriminator",
    "electra-large": "google/electra-large-discriminator",
}


@dataclass(frozen=True)
class Electra:
    """The discriminator of an ELECTRA. A student learns from the layer whose input is h what BERT's would::

        query = h · W_q + b_q,   key = h · W_k + b_k,   value = h · W_v + b_v

    The embeddings of a student are as wide as its layers, so that nothing has to project them.
    """

    name: str = "my-plugin"
    model_types: frozenset[str] = frozenset({"electra"})
    aliases: Mapping[str, str] = field(default_factory=lambda: ALIASES)

    def student_config(self, config: PretrainedConfig, shape: StudentShape) -> PretrainedConfig:
        """The teacher's vocabulary and positions in the student's sizes."""
        fields = config.to_dict()
        fields.update(
            num_hidden_layers=shape.layers,
            hidden_size=shape.hidden_size,
            embedding_size=shape.hidden_size,
            num_attention_heads=shape.attention_heads,
            intermediate_size=shape.intermediate_size,
        )
        return type(config)(**fields)

    def position_offset(self, config: PretrainedConfig) -> int:
        """Positions count from 0, as BERT's do."""
        return 0

    def cut(self, model: PreTrainedModel, layers: Sequence[int]) -> None:
        """Drops the layers above the highest, and all but the projections of that one."""
        parts: Any = model
        last = max(layers)
        projections = self.projections(model, last)
        del parts.encoder.layer[last:]
        parts.encoder.layer[last - 1] = ProjectionsOnly(parts.encoder.layer[last - 1], projections)

    def projections(self, model: PreTrainedModel, layer: int) -> Projections:
        """The three linear maps of a layer's self-attention; of a student's last layer some may be gone."""
        parts: Any = model
        module = parts.encoder.layer[layer - 1]
        attention = module.attention.self
        query, key, value = (getattr(attention, kind, None) for kind in ("query", "key", "value"))
        return Projections(query, key, value, module)


@hookimpl
def reldistill_teachers() -> Iterable[TeacherAdapter]:
    return [Electra()]
