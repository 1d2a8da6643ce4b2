"""What came out of measuring students, and by which yardstick."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reldistill.distillation.device import precision_name
from reldistill.distillation.relations import relations_in_words

if TYPE_CHECKING:
    import torch

    from reldistill.distillation.locate import Teacher
    from reldistill.distillation.measured_student import MeasuredStudent
    from reldistill.relation import Relation

__all__ = ["MeasuredLoss", "Measurement"]


@dataclass(frozen=True)
class MeasuredLoss:
    """The loss of one student on one text: the mean over ``sequences``, in nats.

    ``by_relation``: name -> its term, without its weight. ``untrained``: the loss of a student of the same shape with random
    weights, None where it was not asked for.
    """

    model: str
    text: str
    sequences: int
    tokens: int
    loss: float
    by_relation: Mapping[str, float]
    untrained: float | None = None

    @property
    def share(self) -> float | None:
        """Of the untrained student's loss; None where that is not known, zero or not finite."""
        return self.loss / self.untrained if self.untrained and math.isfinite(self.untrained) else None

    def describe(self) -> dict[str, Any]:
        """Plain values, for JSON, under the names of metrics.jsonl; None for a loss that is not finite."""
        losses: dict[str, float | None] = {
            "loss": self.loss,
            **{f"loss/{name}": value for name, value in self.by_relation.items()},
        }
        if self.untrained is not None:
            losses |= {"untrained": self.untrained, "share": self.share}
        return {
            "model": self.model, "text": self.text, "sequences": self.sequences, "tokens": self.tokens,
            **{name: value if value is not None and math.isfinite(value) else None for name, value in losses.items()},
        }  # fmt: skip


@dataclass(frozen=True)
class Measurement:
    """What was measured, and by which yardstick. ``losses``: text by text, in each of them student by student."""

    teacher: Teacher
    students: tuple[MeasuredStudent, ...]
    relations: Mapping[Relation, float]
    relation_heads: int
    max_length: int
    device: torch.device
    precision: torch.dtype
    attention: str
    losses: tuple[MeasuredLoss, ...] = ()

    @property
    def needs(self) -> frozenset[str]:
        """The states that the relations read."""
        return frozenset().union(*(relation.needs for relation in self.relations))

    @property
    def relations_in_words(self) -> str:
        """``qq, kk × 0.5, vv``."""
        return relations_in_words(self.relations)

    @property
    def precision_in_words(self) -> str:
        """``fp32`` or ``bf16``."""
        return precision_name(self.precision)

    def describe(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "teacher": self.teacher.label,
            "family": self.teacher.adapter.name,
            "students": [student.describe() for student in self.students],
            "relations": {relation.name: weight for relation, weight in self.relations.items()},
            "relation_heads": self.relation_heads,
            "max_length": self.max_length,
            "device": str(self.device),
            "precision": self.precision_in_words,
            "attention": self.attention,
            "losses": [loss.describe() for loss in self.losses],
        }
