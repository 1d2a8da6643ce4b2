"""Pair relations on a CPU, compiled: the strips of :mod:`reldistill.loss.tiled`, with all of a strip's steps in one pass.

In torch each step of a softmax is a pass over the tile; here products, exponentials and sums follow each other in
registers. The crate ``reldistill-kernels`` says how.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from reldistill.loss.kept_gradient import KeptGradient, weighted_sum
from reldistill.native_arrays import NATIVE_DTYPES, native_array
from reldistill.relation import PAIR_STATES
from reldistill_loader._native import relation_terms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch import Tensor

    from reldistill.relation import PairRelation, Relation
    from reldistill.states import AttentionStates

__all__ = ["native_obstacle", "native_terms"]


def native_obstacle(device: torch.device, dtypes: Iterable[torch.dtype] = ()) -> str | None:
    """Why the kernel does not take states of these dtypes there; None where it does."""
    if device.type != "cpu":
        return f"it runs on a CPU, and the states are on {device.type}"
    if wrong := set(dtypes) - NATIVE_DTYPES:
        return f"it takes fp32 and bf16, and the states are in {', '.join(sorted(str(dtype) for dtype in wrong))}"
    return None


def native_terms(
    teacher: AttentionStates,
    student: AttentionStates,
    relations: Mapping[PairRelation, float],
    relation_heads: int,
    divisor: int,
) -> tuple[Tensor, dict[Relation, Tensor]]:
    """Equation 5 as a differentiable scalar, and equation 6 for each relation; fp32."""
    for relation in relations:
        for name in relation.needs:
            student.require(name)
            teacher.require(name)
    states = tuple(getattr(student, name) for name in PAIR_STATES)
    total, *terms = _NativePairs.apply(teacher, student.lengths, relations, relation_heads, divisor, *states)
    return total, dict(zip(relations, terms, strict=True))


class _NativePairs(KeptGradient):
    """Keeps the gradient of the projections, ``[T, D]`` each, and nothing else."""

    @staticmethod
    def forward(
        ctx: Any,
        teacher: AttentionStates,
        lengths: tuple[int, ...],
        relations: Mapping[PairRelation, float],
        relation_heads: int,
        divisor: int,
        *projections: Tensor | None,
    ) -> tuple[Tensor, ...]:
        used = {name for relation in relations for name in relation.needs}
        guide = [getattr(teacher, name).contiguous() if name in used else None for name in PAIR_STATES]
        student = [
            state.contiguous() if state is not None and name in used else None
            for name, state in zip(PAIR_STATES, projections, strict=True)
        ]
        # Asked of the states as they came: a copy that lies row by row does not know.
        wants = [
            original is not None and original.requires_grad and state is not None
            for original, state in zip(projections, student, strict=True)
        ]
        gradients = [
            torch.empty(original.shape, dtype=torch.float32) if original is not None and wanted else None
            for original, wanted in zip(projections, wants, strict=True)
        ]
        values = relation_terms(
            lengths,
            relation_heads,
            [None if state is None else native_array(state) for state in guide],
            [None if state is None else native_array(state) for state in student],
            [(PAIR_STATES.index(r.left), PAIR_STATES.index(r.right), weight) for r, weight in relations.items()],
            max(divisor, 1),
            [None if gradient is None else native_array(gradient) for gradient in gradients],
            threads=torch.get_num_threads(),
        )
        terms = dict(zip(relations, torch.tensor(values, dtype=torch.float32), strict=True))
        total = weighted_sum(relations, terms)
        KeptGradient.keep(ctx, projections, gradients)
        ctx.mark_non_differentiable(*terms.values())
        return total, *terms.values()
