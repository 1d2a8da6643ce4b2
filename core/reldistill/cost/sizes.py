"""The sizes that a step's cost depends on. No tensor is made for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reldistill.relation import PairRelation

if TYPE_CHECKING:
    from reldistill.relation import Relation

__all__ = ["EncoderSize", "LossSize", "ModelSize", "ModernSize", "StepSize"]


@dataclass(frozen=True)
class ModernSize:
    """What a model of ModernBERT's architecture has otherwise than one of BERT's.

    Norms stand before attention and feed-forward part, none before the first attention, one behind the last layer. Query,
    key and value are one matrix. The feed-forward part is gated, ``d → 2f, f → d``. There is no pooler, and no embedding of
    positions or token types. ``reaches``: how far a token of each layer sees to either side, None for a whole sequence.
    """

    attention_bias: bool
    feed_forward_bias: bool
    norm_bias: bool
    reaches: tuple[int | None, ...]

    @classmethod
    def of(cls, config: Any) -> ModernSize:
        """From a transformers configuration of ModernBERT."""
        reach = int(config.sliding_window)
        reaches = (reach if kind == "sliding_attention" else None for kind in config.layer_types)
        return cls(config.attention_bias, config.mlp_bias, config.norm_bias, tuple(reaches))


@dataclass(frozen=True)
class ModelSize:
    """A whole model of BERT's architecture, or with ``modern`` of ModernBERT's. ``positions`` and ``token_types`` are rows
    of their embeddings; task types of ERNIE count as token types.
    """

    vocabulary: int
    positions: int
    token_types: int
    layers: int
    hidden_size: int
    intermediate_size: int
    attention_heads: int
    modern: ModernSize | None = None

    @classmethod
    def of(cls, config: Any) -> ModelSize:
        """From a transformers configuration of a built-in family.

        Of pre-norm models with BERT's modules (XLM-R XL) a norm is counted in another place, or the last one not: at most
        ``2d`` parameters. A family of a plugin is taken for one of BERT's architecture; without token types it has none,
        without a width of its feed-forward part 4 × the hidden size.
        """
        width = int(config.hidden_size)
        modern = ModernSize.of(config) if config.model_type == "modernbert" else None
        tasks = int(getattr(config, "task_type_vocab_size", 0)) if getattr(config, "use_task_id", False) else 0
        return cls(
            vocabulary=int(config.vocab_size),
            positions=0 if modern else int(config.max_position_embeddings),
            token_types=int(getattr(config, "type_vocab_size", 0)) + tasks,
            layers=int(config.num_hidden_layers),
            hidden_size=width,
            intermediate_size=int(getattr(config, "intermediate_size", 4 * width)),
            attention_heads=int(config.num_attention_heads),
            modern=modern,
        )


@dataclass(frozen=True)
class EncoderSize:
    """The part of ``model`` that a step runs: ``layers - 1`` whole layers, and ``projections`` (0 to 3) of the next.

    ``layers`` is the highest layer, from 1, whose states are looked at. Whole layers compute all three projections;
    looking at them costs nothing.
    """

    model: ModelSize
    layers: int
    projections: int = 3


@dataclass(frozen=True)
class LossSize:
    """The relations of all pairs of layers together.

    ``self_relations`` compare a projection with itself (qq). ``cross_relations`` compare two; a relation and its
    mirror (qk and kq) have the same logits, transposed, and count once.
    """

    teacher_width: int
    student_width: int
    self_relations: int
    cross_relations: int = 0

    @classmethod
    def of(
        cls, relations: Iterable[Relation], teacher_width: int, student_width: int, layer_pairs: int = 1
    ) -> LossSize:
        """Of chosen relations, on ``layer_pairs`` pairs of layers. A custom one is taken for a cross relation."""
        products: set[object] = set()
        for relation in relations:
            products.add(relation.needs if isinstance(relation, PairRelation) else relation)
        alike = sum(isinstance(product, frozenset) and len(product) == 1 for product in products)
        return cls(teacher_width, student_width, layer_pairs * alike, layer_pairs * (len(products) - alike))


@dataclass(frozen=True)
class StepSize:
    """Everything that is computed in a training step."""

    teacher: EncoderSize
    student: EncoderSize
    loss: LossSize
