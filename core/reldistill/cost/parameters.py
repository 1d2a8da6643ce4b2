"""How many parameters a model has, whole and as far as a step holds it. BERT's architecture in transformers."""

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
    """``(V + P + t)·d + 2d`` of embeddings, ``4d² + 2df + 9d + f`` of each layer, ``d² + d`` of the pooler."""
    d = model.hidden_size
    layers = model.layers * _layer(model)
    return Parameters(_embeddings(model), layers + d * d + d, model.layers * _layer_matrices(model) + d * d)


def encoder_parameters(size: EncoderSize) -> Parameters:
    """What is left of a model that was cut: the layers below the highest, and that one's projections, ``d² + d`` each.

    Of a teacher this is what is read, of a student what is trained.
    """
    model, whole, d = size.model, size.layers - 1, size.model.hidden_size
    last = size.projections * d * d
    return Parameters(
        _embeddings(model),
        whole * _layer(model) + last + size.projections * d,
        whole * _layer_matrices(model) + last,
    )


def _embeddings(model: ModelSize) -> int:
    return (model.vocabulary + model.positions + model.token_types + 2) * model.hidden_size


def _layer(model: ModelSize) -> int:
    """Matrices, biases ``4d + f + d``, and two LayerNorms."""
    return _layer_matrices(model) + 9 * model.hidden_size + model.intermediate_size


def _layer_matrices(model: ModelSize) -> int:
    d, f = model.hidden_size, model.intermediate_size
    return 4 * d * d + 2 * d * f
