"""Relations that bring their own logits: computed and differentiated one sequence at a time.

The maps of a sequence are gone before the next one begins, so the memory is that of the longest sequence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from reldistill.loss.kept_gradient import KeptGradient, weighted_sum
from reldistill.loss.precision import accumulation_dtype, one_sequence
from reldistill.loss.reference import sequence_divergence
from reldistill.relation import STATE_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from reldistill.relation import Relation
    from reldistill.states import AttentionStates

__all__ = ["custom_terms"]


def custom_terms(
    teacher: AttentionStates,
    student: AttentionStates,
    relations: Mapping[Relation, float],
    relation_heads: int,
    divisor: int,
) -> tuple[Tensor, dict[Relation, Tensor]]:
    """Equation 5 as a differentiable scalar, and equation 6 for each relation."""
    states = tuple(getattr(student, name) for name in STATE_NAMES)
    total, *terms = _CustomRelations.apply(teacher, student, relations, relation_heads, divisor, *states)
    return total, dict(zip(relations, terms, strict=True))


class _CustomRelations(KeptGradient):
    """Keeps the gradient of the states, which is computed with the value, and nothing else."""

    @staticmethod
    def forward(
        ctx: Any,
        teacher: AttentionStates,
        student: AttentionStates,
        relations: Mapping[Relation, float],
        relation_heads: int,
        divisor: int,
        *states: Tensor | None,
    ) -> tuple[Tensor, ...]:
        first = next(state for state in states if state is not None)
        dtype = accumulation_dtype(first.dtype)
        terms = {relation: torch.zeros((), dtype=dtype, device=first.device) for relation in relations}
        wanted = [state is not None and state.requires_grad for state in states]
        gradients = [
            torch.zeros_like(s, dtype=dtype) if want and s is not None else None
            for s, want in zip(states, wanted, strict=True)
        ]
        for start, end in student.spans():
            teacher_states = one_sequence(teacher, start, end, detach=True)
            leaves = one_sequence(student, start, end, detach=True)
            with torch.enable_grad():
                for name, want in zip(STATE_NAMES, wanted, strict=True):
                    if want:
                        leaves.require(name).requires_grad_()
                for relation, weight in relations.items():
                    divergence = sequence_divergence(relation, teacher_states, leaves, relation_heads) / divisor
                    terms[relation] += divergence.detach()
                    if divergence.requires_grad:
                        (weight * divergence).backward()
            for name, gradient in zip(STATE_NAMES, gradients, strict=True):
                if gradient is not None and (part := leaves.require(name).grad) is not None:
                    gradient[start:end] += part
        total = weighted_sum(relations, terms)
        KeptGradient.keep(ctx, states, gradients)
        ctx.mark_non_differentiable(*terms.values())
        return total, *terms.values()
