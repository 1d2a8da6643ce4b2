"""What is asked of a relation."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from reldistill.testing.check import Check, Checks, named_checks
from reldistill.testing.loading import check_contract
from reldistill.testing.relation import devices, gradients, identity, inputs, logits, loss, sequences

if TYPE_CHECKING:
    from reldistill.relation import Relation

__all__ = ["relation_checks"]

CHECKS: Checks[Relation] = {
    "contract": (
        partial(check_contract, "reldistill_relations"),
        "it has a name, a frozenset of needs and logits(), and is hashable",
    ),
    "hash": (identity.check_hash, "equal relations have equal hashes, and computing changes neither"),
    "needs": (inputs.check_needs, "logits() reads the states that needs names, and no others"),
    "shape": (logits.check_shape, "logits are [heads, n, n] for a sequence of n tokens, of one token too"),
    "heads": (logits.check_heads, "as many heads for a teacher as for a student of another width, for sequences of any length"),
    "dtype": (logits.check_dtype, "logits have the dtype of the states"),
    "finite": (logits.check_finite, "logits are finite, for large, small, zero and constant states too"),
    "finite gradients": (gradients.check_finite, "so are their gradients"),
    "gradients": (gradients.check_numerically, "gradients are those of finite differences, in float64"),
    "reach": (gradients.check_reach, "every state that needs names gets a gradient"),
    "deterministic": (identity.check_deterministic, "the same states give the same logits, bit for bit"),
    "in place": (inputs.check_unchanged, "the states are left as they were"),
    "alone": (sequences.check_alone, "a sequence of a packed batch has the logits that it has by itself"),
    "order": (sequences.check_order, "the order of the sequences in a packed batch does not matter"),
    "packed": (loss.check_sum, "the loss of a packed batch is the sum of the losses of its sequences"),
    "itself": (loss.check_itself, "states are at divergence zero from themselves, and above it from others"),
    "meta": (devices.check_meta, "logits are made on the device of the states"),
    "cuda": (devices.check_cuda, "logits and gradients on CUDA are those on the CPU"),
    "mps": (devices.check_mps, "logits and gradients on MPS are those on the CPU"),
}  # fmt: skip


def relation_checks(relation: Relation) -> list[Check]:
    """All checks of a relation."""
    return named_checks(f"relation {getattr(relation, 'name', relation)}", relation, CHECKS)
