"""DistilBERT (Sanh et al. 2019) as a family of teachers.

It is BERT with half the layers and without token types and pooler, under names of its own: ``transformer.layer[i]`` with
``attention.q_lin``, ``k_lin`` and ``v_lin``; ``dim``, ``n_heads``, ``n_layers`` and ``hidden_dim`` in the configuration.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from reldistill import Projections, ProjectionsOnly, StudentShape, hookimpl

__all__ = ["DistilBert", "reldistill_api", "reldistill_teachers"]

reldistill_api = 1

OF_THE_TEACHER = ("architectures", "dtype", "torch_dtype", "_name_or_path", "transformers_version")


class DistilBert:
    """See :class:`reldistill.TeacherAdapter` for what each of these is asked for."""

    name = "distilbert"
    model_types = frozenset({"distilbert"})
    aliases = {  # noqa: RUF012 - a constant
        "distilbert": "distilbert/distilbert-base-uncased",
        "distilbert-base-uncased": "distilbert/distilbert-base-uncased",
        "distilbert-base-cased": "distilbert/distilbert-base-cased",
        "distilbert-base-multilingual-cased": "distilbert/distilbert-base-multilingual-cased",
    }

    def student_config(self, config: Any, shape: StudentShape) -> Any:
        """The teacher's vocabulary and positions in the student's sizes, with dropout 0.1."""
        kept = {name: value for name, value in config.to_dict().items() if name not in OF_THE_TEACHER}
        sizes = {
            "n_layers": shape.layers,
            "dim": shape.hidden_size,
            "n_heads": shape.attention_heads,
            "hidden_dim": shape.intermediate_size,
        }
        return type(config)(**{**kept, **sizes, "dropout": 0.1, "attention_dropout": 0.1})

    def position_offset(self, config: Any) -> int:
        """Positions count from 0, as BERT's do."""
        return 0

    def projections(self, model: Any, layer: int) -> Projections:
        """What of them a student's last layer does not need is gone, and None."""
        module = model.transformer.layer[layer - 1]
        query, key, value = (getattr(module.attention, name, None) for name in ("q_lin", "k_lin", "v_lin"))
        return Projections(query, key, value, module)

    def cut(self, model: Any, layers: Sequence[int]) -> None:
        """Nothing above the highest layer; of that, the projections alone."""
        last = max(layers)
        stack = model.transformer.layer
        del stack[last:]
        stack[last - 1] = ProjectionsOnly(stack[last - 1], self.projections(model, last))


@hookimpl
def reldistill_teachers() -> Iterable[DistilBert]:
    """One family."""
    return [DistilBert()]
