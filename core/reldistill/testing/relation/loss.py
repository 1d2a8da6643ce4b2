"""What the loss makes of a relation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reldistill.loss import relation_loss
from reldistill.testing.check import ConformanceError
from reldistill.testing.relation.made_states import HEADS, LENGTHS, STUDENT_WIDTH, only, random_states

if TYPE_CHECKING:
    from reldistill.relation import Relation
    from reldistill.states import AttentionStates

__all__ = ["check_itself", "check_sum"]


def check_sum(relation: Relation) -> None:
    """The packed batch in one call, and each sequence in a call of its own."""
    teacher = random_states(LENGTHS, seed=7)
    student = random_states(LENGTHS, STUDENT_WIDTH, seed=8)
    for heads in HEADS:
        packed = _loss(relation, teacher, student, heads)
        parts = [_loss(relation, teacher.sequence(*span), student.sequence(*span), heads) for span in teacher.spans()]
        if abs(packed - sum(parts)) > 1e-8 * max(1.0, abs(packed)):
            raise ConformanceError(
                f"with {heads} relation heads the loss of a packed batch is {packed:.6g}, the sum over its sequences "
                f"{sum(parts):.6g}",
                "a batch may be cut between any two sequences, over processes and micro-batches, and gives the same loss",
                "Let logits() depend on the one sequence that it gets: no state from call to call, no count of calls.",
            )


def check_itself(relation: Relation) -> None:
    """Zero for a student that is its teacher, and not below for another."""
    states, other = random_states(LENGTHS, seed=9), random_states(LENGTHS, seed=10)
    zero, above = _loss(relation, states, states, 2), _loss(relation, states, other, 2)
    if not abs(zero) < 1e-9 or not above > 1e-9:
        raise ConformanceError(
            f"the loss of states against themselves is {zero:.4g}, against other states {above:.4g}",
            "a student that has its teacher's states has nothing more to learn (loss 0), any other has (loss above 0)",
            "Compute the logits of teacher and student alike, from the states, so that rows differ where states do; "
            "what is equal for all tokens of a row is lost in the softmax.",
        )


def _loss(relation: Relation, teacher: AttentionStates, student: AttentionStates, heads: int) -> float:
    theirs, ours = (only(states, relation.needs) for states in (teacher, student))
    return float(relation_loss(theirs, ours, {relation: 1.0}, heads, sequences=1).total)
