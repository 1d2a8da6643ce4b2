"""How many parameters a model has, whole and as far as a step holds it. BERT's architecture and ModernBERT's, in transformers.

Letters: V words, P positions, t token types, d width, f width of the feed-forward part, n = 2d for a norm with a bias, d
without.
"""

from __future__ import annotations

from dataclasses import dataclass

from reldistill.cost.sizes import EncoderSize, ModelSize

__all__ = ["Parameters", "encoder_parameters", "model_parameters"]


@dataclass(frozen=True)
class Parameters:
    """``embeddings``: words, positions, token types and their LayerNorm. ``matrices``: weights of linear maps, the
    part of ``rest`` that is multiplied.
    """

    embeddings: int
    rest: int
    matrices: int

    @property
    def total(self) -> int:
        """All."""
        return self.embeddings + self.rest


def model_parameters(model: ModelSize) -> Parameters:
    """``(V + P + t)·d + 2d`` of embeddings, ``4d² + 2df + 9d + f`` of each layer, ``d² + d`` of the pooler.

    Of ModernBERT's: ``V·d + n`` of embeddings, ``4d² + 3df + 2n`` of each layer and what biases there are, no pooler. The
    norm that its first layer lacks stands behind the last.
    """
    d = model.hidden_size
    layers, matrices = model.layers * _layer(model), model.layers * _layer_matrices(model)
    if model.modern is None:
        return Parameters(_embeddings(model), layers + d * d + d, matrices + d * d)
    return Parameters(_embeddings(model), layers, matrices)


def encoder_parameters(size: EncoderSize) -> Parameters:
    """What is left of a model that was cut: the layers below the highest, and that one's projections, ``d² + d`` each.

    Of ModernBERT's: all three projections if any is needed, for they are one matrix, and the norm before them.

    Of a teacher this is what is read, of a student what is trained.
    """
    model, whole, d = size.model, size.layers - 1, size.model.hidden_size
    modern = model.modern
    if modern is None:
        last = size.projections * d * d
        rest = whole * _layer(model) + last + size.projections * d
    else:
        last = 3 * d * d if size.projections else 0
        rest = whole * _layer(model) + last
        norms = (1 if size.projections else 0) - 1  # that of the last layer, and the one that the first lacks
        if size.layers > 1:
            rest += norms * _norm(model)
        if size.projections and modern.attention_bias:
            rest += 3 * d
    return Parameters(_embeddings(model), rest, whole * _layer_matrices(model) + last)


def _norm(model: ModelSize) -> int:
    return model.hidden_size * (2 if model.modern is None or model.modern.norm_bias else 1)


def _embeddings(model: ModelSize) -> int:
    return (model.vocabulary + model.positions + model.token_types) * model.hidden_size + _norm(model)


def _layer(model: ModelSize) -> int:
    """Matrices, two norms, biases: ``4d`` of attention, and of the feed-forward part ``f + d``, or gated ``2f + d``."""
    d, f, modern = model.hidden_size, model.intermediate_size, model.modern
    attention, feed_forward = 4 * d, f + d
    if modern is not None:
        attention *= modern.attention_bias
        feed_forward = (2 * f + d) * modern.feed_forward_bias
    return _layer_matrices(model) + attention + feed_forward + 2 * _norm(model)


def _layer_matrices(model: ModelSize) -> int:
    d, f = model.hidden_size, model.intermediate_size
    return 4 * d * d + (2 if model.modern is None else 3) * d * f
