"""What a relation reads, and that it leaves it as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from reldistill.testing.check import ConformanceError, ask
from reldistill.testing.relation.made_states import changed, only, random_states

if TYPE_CHECKING:
    from reldistill.relation import Relation

__all__ = ["check_needs", "check_unchanged"]


def check_needs(relation: Relation) -> None:
    """The declared states are enough, and the others make no difference."""
    states = random_states()
    needs = ", ".join(sorted(relation.needs))
    contract = "needs names the states that are read; only these are captured, the others are None"
    change = f"Add to needs what logits() reads beside {needs}, or read it no more."
    alone = ask(
        f"with the states of needs alone ({needs}), logits()",
        lambda: relation.logits(only(states, relation.needs), 2),
        contract,
        change,
    )
    beside = relation.logits(states, 2)
    if alone.shape != beside.shape or not torch.equal(alone, beside):
        raise ConformanceError(
            f"the logits change when states beside those of needs ({needs}) are there", contract, change
        )


def check_unchanged(relation: Relation) -> None:
    """Nothing is written into the states that are handed over."""
    states = random_states()
    before = changed(states, torch.clone)
    with torch.no_grad():
        relation.logits(only(states, relation.needs), 2)
    for name, state in states.present():
        if not torch.equal(state, getattr(before, name)):
            raise ConformanceError(
                f"logits() changed the state {name!r} that was handed to it",
                "states are read, not written: other relations and the gradient use them too",
                "Take the operation that makes a new tensor (a * b, not a *= b; relu, not relu_), or clone() first.",
            )
