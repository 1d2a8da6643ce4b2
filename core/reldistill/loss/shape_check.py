"""Whether a relation gave the logits that its contract promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reldistill.errors import PluginError

if TYPE_CHECKING:
    from torch import Tensor

    from reldistill.relation import Relation

__all__ = ["check_logits"]


def check_logits(relation: Relation, teacher: Tensor, student: Tensor, tokens: int) -> None:
    """Raise :class:`PluginError` unless both are ``[heads, tokens, tokens]`` with equal heads."""
    for owner, logits in (("teacher", teacher), ("student", student)):
        if logits.dim() != 3 or tuple(logits.shape[1:]) != (tokens, tokens):
            raise PluginError(
                f"relation {relation.name!r} gave logits of shape {list(logits.shape)} for the {owner}, "
                f"a sequence of {tokens} tokens needs [heads, {tokens}, {tokens}]",
                hint="This is a fault of the relation: its logits() gets one sequence and compares each token with each.",
            )
    if teacher.shape[0] != student.shape[0]:
        raise PluginError(
            f"relation {relation.name!r} gave {teacher.shape[0]} heads for the teacher and {student.shape[0]} for the student",
            hint="Teacher and student are compared head by head; use relation_heads, or one head for both.",
        )
