"""ModernBERT (Warner et al. 2024): pre-norm, rotary positions, windows in two layers of three, one matrix for q, k and v.

What distils is taken where BERT's is, as the paper has it: query, key and value are the columns of the fused map ``Wqkv``,
behind the layer's norm, and before query and key are rotated, so that relations compare what tokens are, not how far apart
they stand. The state ``hidden`` is a layer's input, the residual stream, which no norm has touched yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torch import nn

from reldistill import FusedPart, Projections, ProjectionsOnly, StudentShape, UsageError
from reldistill_plugins.teachers.bert_architecture import PAPER_DROPOUT, own_fields

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

_BASE, _LARGE = "answerdotai/ModernBERT-base", "answerdotai/ModernBERT-large"


@dataclass(frozen=True)
class ModernBert:
    """An adapter for models with ``layers[i].attn.Wqkv``."""

    name: str = "modernbert"
    model_types: frozenset[str] = frozenset({"modernbert"})
    aliases: Mapping[str, str] = field(
        default_factory=lambda: {"modernbert": _BASE, "modernbert-base": _BASE, "modernbert-large": _LARGE}
    )

    def student_config(self, config: PretrainedConfig, shape: StudentShape) -> PretrainedConfig:
        """The teacher's configuration in the student's sizes: its windows, its rotations, its order of layers with and
        without a window, begun anew where the student is deeper.

        The paper's dropout falls wherever ModernBERT has one: behind the embeddings, on attention probabilities, behind
        attention, and within the feed-forward part. That part is gated: its first matrix is twice ``intermediate_size`` wide.

        Raises UsageError where heads have an odd width, which cannot be rotated.
        """
        if shape.hidden_size // shape.attention_heads % 2:
            raise UsageError(
                f"--student-heads {shape.attention_heads}: heads of a ModernBERT of width {shape.hidden_size} would be "
                f"{shape.hidden_size // shape.attention_heads} wide, which is odd: rotary positions turn pairs of numbers",
                hint=f"These fit: {', '.join(map(str, _even_heads(shape.hidden_size))) or 'none; take an even width'}.",
            )
        fields = own_fields(config)
        fields.update(
            num_hidden_layers=shape.layers,
            hidden_size=shape.hidden_size,
            num_attention_heads=shape.attention_heads,
            intermediate_size=shape.intermediate_size,
            layer_types=_begun_anew(fields["layer_types"], shape.layers),
            embedding_dropout=PAPER_DROPOUT,
            attention_dropout=PAPER_DROPOUT,
            mlp_dropout=PAPER_DROPOUT,
        )
        return type(config)(**fields)

    def position_offset(self, config: PretrainedConfig) -> int:
        """0: a sequence's first token is not rotated."""
        return 0

    def cut(self, model: PreTrainedModel, layers: Sequence[int]) -> None:
        """Drops the layers above the highest, all but norm and projections of that one, and the last norm."""
        parts: Any = model
        last = max(layers)
        layer = parts.layers[last - 1]
        only: Any = ProjectionsOnly(layer, self.projections(model, last), layer.attn_norm)
        only.attention_type = layer.attention_type  # the model asks for it, to choose a mask and a rotation
        del parts.layers[last:]
        parts.layers[last - 1] = only
        parts.final_norm = nn.Identity()

    def projections(self, model: PreTrainedModel, layer: int) -> Projections:
        """The thirds of the output of a layer's ``Wqkv``, before any rotation."""
        parts: Any = model
        module = parts.layers[layer - 1]
        fused = getattr(module.attn, "Wqkv", None)
        if fused is None:  # of a student's last layer, where no relation needs it
            return Projections(None, None, None, module)
        width = fused.out_features // 3
        query, key, value = (FusedPart(fused, part * width, (part + 1) * width) for part in range(3))
        return Projections(query, key, value, module)


MODERNBERT = ModernBert()


def _begun_anew(types: Sequence[str], layers: int) -> list[str]:
    """The teacher's kinds of layers, repeated from the shortest period that they have."""
    period = next(n for n in range(1, len(types) + 1) if all(kind == types[i % n] for i, kind in enumerate(types)))
    return [types[layer % period] for layer in range(layers)]


def _even_heads(width: int) -> list[int]:
    return [heads for heads in range(1, min(width, 64) + 1) if width % (2 * heads) == 0]
