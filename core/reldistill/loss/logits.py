"""Asking a relation for its logits, and holding it to what its contract promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from reldistill.errors import PluginError

if TYPE_CHECKING:
    from torch import Tensor

    from reldistill.relation import Relation
    from reldistill.states import AttentionStates

__all__ = ["check_heads", "relation_logits"]


def relation_logits(relation: Relation, states: AttentionStates, relation_heads: int) -> Tensor:
    """``[heads, n, n]`` of one sequence of n tokens.

    Raises :class:`PluginError` where the relation raises or gives another shape.
    """
    try:
        logits = relation.logits(states, relation_heads)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        raise PluginError(f"relation {relation.name!r} failed: {type(error).__name__}: {error}") from error
    tokens = states.tokens
    if not isinstance(logits, torch.Tensor) or logits.dim() != 3 or tuple(logits.shape[1:]) != (tokens, tokens):
        found = f"shape {list(logits.shape)}" if isinstance(logits, torch.Tensor) else f"type {type(logits).__name__}"
        raise PluginError(
            f"relation {relation.name!r} gave logits of {found}; a sequence of {tokens} tokens needs [heads, {tokens}, {tokens}]",
            hint="This is a fault of the relation: its logits() gets one sequence and compares each token with each.",
        )
    return logits


def check_heads(relation: Relation, teacher: Tensor, student: Tensor) -> None:
    """Raise :class:`PluginError` unless both have as many heads."""
    if teacher.shape[0] != student.shape[0]:
        raise PluginError(
            f"relation {relation.name!r} gave {teacher.shape[0]} heads for the teacher and {student.shape[0]} for the student",
            hint="Teacher and student are compared head by head; use relation_heads, or one head for both.",
        )
