"""Asking a relation for its logits, and holding it to what its contract promises."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from reldistill.errors import BrokenContract, in_one_line
from reldistill.out_of_memory import is_out_of_memory

if TYPE_CHECKING:
    from torch import Tensor

    from reldistill.relation import Relation
    from reldistill.states import AttentionStates

__all__ = ["check_heads", "no_gradient", "relation_failed", "relation_logits"]

COMPARES = "This is a fault of the relation: its logits() gets one sequence and compares each token with each."


def relation_logits(relation: Relation, states: AttentionStates, relation_heads: int) -> Tensor:
    """``[heads, n, n]`` of one sequence of n tokens, in the dtype of the states or a wider one.

    The relation sees just the states that it needs. Raises :class:`BrokenContract` where it raises, changes them, or gives
    another shape, no floating-point numbers, or something on another device.
    """
    try:
        declared = relation.needs
        hidden_from_it: dict[str, Any] = {name: None for name, _ in states.present() if name not in declared}
        seen = replace(states, **hidden_from_it) if hidden_from_it else states
        versions = [state._version for _, state in seen.present()]
        logits = relation.logits(seen, relation_heads)
    except (Exception, SystemExit) as error:
        if is_out_of_memory(error):
            raise
        raise relation_failed(relation, error) from error
    tokens, expected = states.tokens, next(state for _, state in states.present())
    if not isinstance(logits, torch.Tensor) or logits.dim() != 3 or tuple(logits.shape[1:]) != (tokens, tokens):
        found = f"shape {list(logits.shape)}" if isinstance(logits, torch.Tensor) else f"type {type(logits).__name__}"
        needed = f"a sequence of {tokens} tokens needs [heads, {tokens}, {tokens}]"
        raise _wrong(relation, f"gave logits of {found}; {needed}", COMPARES)
    if not logits.shape[0]:
        raise _wrong(relation, "gave logits of no head", "One head at least is needed: [1, n, n].")
    if not logits.is_floating_point():
        raise _wrong(relation, f"gave logits of dtype {logits.dtype}", "They must be floating-point numbers: .float().")
    if logits.device != expected.device:
        raise _wrong(
            relation,
            f"gave logits on {logits.device}, its states are on {expected.device}",
            "What it makes must be made there: device=states.require(...).device.",
        )
    if [state._version for _, state in seen.present()] != versions:
        raise _wrong(
            relation,
            "changed the states that it was given",
            "Other relations read the same ones: work on a new tensor, for example by .clone().",
        )
    return logits.to(torch.promote_types(logits.dtype, expected.dtype))


def relation_failed(relation: Relation, error: BaseException) -> BrokenContract:
    """What a relation raised, as a fault of its own."""
    return _wrong(relation, f"failed: {type(error).__name__}: {in_one_line(error)}", None)


def no_gradient(relation: Relation) -> BrokenContract:
    """The error for logits that no gradient flows through."""
    return _wrong(
        relation,
        "gave logits that no gradient flows through",
        "Nothing would be learned by it: leave out detach(), numpy, comparisons and whatever else cuts the graph.",
    )


def check_heads(relation: Relation, teacher: Tensor, student: Tensor) -> None:
    """Raise :class:`BrokenContract` unless both have as many heads."""
    if teacher.shape[0] != student.shape[0]:
        raise _wrong(
            relation,
            f"gave {teacher.shape[0]} heads for the teacher and {student.shape[0]} for the student",
            "Teacher and student are compared head by head; use relation_heads, or one head for both.",
        )


def _wrong(relation: Relation, what: str, hint: str | None) -> BrokenContract:
    name: Any = getattr(relation, "name", relation)
    return BrokenContract(f"relation {name!r} {what}", hint=hint, thing=str(name))
