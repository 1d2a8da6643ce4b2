"""Relations that bring their own logits: computed and differentiated one sequence at a time.

The maps of a sequence are gone before the next one begins, so the memory is that of the longest sequence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from reldistill.loss.kept_gradient import KeptGradient, weighted_sum
from reldistill.loss.logits import no_gradient, relation_failed
from reldistill.loss.precision import accumulation_dtype, one_sequence
from reldistill.loss.reference import sequence_divergence
from reldistill.out_of_memory import is_out_of_memory
from reldistill.relation import STATE_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
) -> tuple[Tensor, dict[Relation, Tensor], dict[str, Tensor]]:
    """Equation 5 as a differentiable scalar, equation 6 for each relation, and for each, by name, whether it spoiled the loss.

    That is a bool on the device: the states were finite, and what the relation, or its gradient, made of them was not.
    Raises :class:`BrokenContract` where a relation does not do what it must.
    """
    states = tuple(getattr(student, name) for name in STATE_NAMES)
    total, *found = _CustomRelations.apply(teacher, student, relations, relation_heads, divisor, *states)
    terms, spoiled = found[: len(relations)], found[len(relations) :]
    names = [relation.name for relation in relations]
    return total, dict(zip(relations, terms, strict=True)), dict(zip(names, spoiled, strict=True))


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
        needed = {name for name, want in zip(STATE_NAMES, wanted, strict=True) if want}
        cut_off = {
            relation for relation in relations if needed & relation.needs and max(student.lengths, default=0) > 1
        }
        for start, end in student.spans():
            teacher_states = one_sequence(teacher, start, end, detach=True)
            leaves = one_sequence(student, start, end, detach=True)
            with torch.enable_grad():
                for name in needed:
                    leaves.require(name).requires_grad_()
                for relation, weight in relations.items():
                    divergence = sequence_divergence(relation, teacher_states, leaves, relation_heads) / divisor
                    terms[relation] += divergence.detach()
                    if divergence.requires_grad:
                        _backward(relation, weight * divergence)
                        cut_off.discard(relation)
            for name, gradient in zip(STATE_NAMES, gradients, strict=True):
                if gradient is not None and (part := leaves.require(name).grad) is not None:
                    gradient[start:end] += part
        if cut_off:
            raise no_gradient(min(cut_off, key=lambda relation: relation.name))
        total = weighted_sum(relations, terms)
        spoiled = _spoiled(teacher, student, terms, gradients)
        KeptGradient.keep(ctx, states, gradients)
        ctx.mark_non_differentiable(*terms.values(), *spoiled)
        return total, *terms.values(), *spoiled


def _backward(relation: Relation, divergence: Tensor) -> None:
    try:
        divergence.backward()
    except (Exception, SystemExit) as error:
        if is_out_of_memory(error):
            raise
        raise relation_failed(relation, error) from error


def _spoiled(
    teacher: AttentionStates, student: AttentionStates, terms: Mapping[Relation, Tensor], gradients: list[Tensor | None]
) -> list[Tensor]:
    """For each relation whether it made numbers that are not finite of finite ones. Waits for no device.

    The gradients of all relations are one sum: where that alone is spoiled, each of them may have done it.
    """
    sound = _all_finite(tensor for states in (teacher, student) for _, tensor in states.present())
    values = torch.stack([term.isfinite() for term in terms.values()])
    differentiated = [gradient for gradient in gradients if gradient is not None]
    if differentiated:
        values = values & ~(values.all() & ~_all_finite(differentiated))
    return list((sound & ~values).unbind())


def _all_finite(tensors: Iterable[Tensor]) -> Tensor:
    return torch.stack([tensor.isfinite().all() for tensor in tensors]).all()
