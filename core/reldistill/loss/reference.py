"""The paper's formula in plain lines, one sequence at a time: the oracle of every other kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import log_softmax

from reldistill.loss.kept_gradient import weighted_sum
from reldistill.loss.logits import check_heads, relation_logits
from reldistill.loss.precision import at_least_float32, one_sequence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from reldistill.relation import Relation
    from reldistill.states import AttentionStates

__all__ = ["reference_terms", "sequence_divergence"]


def reference_terms(
    teacher: AttentionStates,
    student: AttentionStates,
    relations: Mapping[Relation, float],
    relation_heads: int,
    divisor: int,
) -> tuple[Tensor, dict[Relation, Tensor]]:
    """Equation 5 as a differentiable scalar, and equation 6 for each relation."""
    # A zero that hangs on the states, so that backward works on a batch without sequences too.
    zero = torch.stack([at_least_float32(state[:0]).sum() for _, state in student.present()]).sum()
    terms = dict.fromkeys(relations, zero)
    for start, end in student.spans():
        teacher_states, student_states = (
            one_sequence(teacher, start, end, detach=True),
            one_sequence(student, start, end),
        )
        for relation in relations:
            divergence = sequence_divergence(relation, teacher_states, student_states, relation_heads)
            terms[relation] = terms[relation] + divergence / divisor
    return weighted_sum(relations, terms), terms


def sequence_divergence(
    relation: Relation, teacher: AttentionStates, student: AttentionStates, relation_heads: int
) -> Tensor:
    """Equation 6 for one sequence: the mean over heads and rows of ``KL(teacher ‖ student)``."""
    with torch.no_grad():
        teacher_log = log_softmax(relation_logits(relation, teacher, relation_heads), dim=-1)
    student_log = log_softmax(relation_logits(relation, student, relation_heads), dim=-1)
    check_heads(relation, teacher_log, student_log)
    heads, rows = student_log.shape[:2]
    return (teacher_log.exp() * (teacher_log - student_log)).sum() / (heads * rows)
