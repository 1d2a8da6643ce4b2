"""The loss that a student is trained with: which kernel computes what, and what comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_args

import torch
from torch import Tensor

from reldistill.errors import UsageError
from reldistill.loss.custom import custom_terms
from reldistill.loss.native import native_obstacle, native_terms
from reldistill.loss.reference import reference_terms
from reldistill.loss.tiled import tiled_terms
from reldistill.loss.triton_device import check_triton, triton_obstacle
from reldistill.loss.triton_pairs import triton_terms
from reldistill.relation import PairRelation, Relation
from reldistill.relation_heads import check_relation_heads
from reldistill.states import AttentionStates

__all__ = ["Kernel", "RelationLoss", "kernel_reasons", "relation_loss"]

R = TypeVar("R", bound=Relation)

Kernel = Literal["auto", "reference", "tiled", "native", "triton"]


@dataclass(frozen=True)
class RelationLoss:
    """``total``: scalar ``Σ α · L`` (paper, equation 5), to call ``backward`` on.
    ``terms``: relation name -> detached scalar ``L`` (equation 6), without its weight α.
    ``spoiled``: name of each relation with logits of its own -> bool scalar: the states were finite, and the relation made
    of them a loss or a gradient that is not.
    """

    total: Tensor
    terms: Mapping[str, Tensor]
    spoiled: Mapping[str, Tensor] = field(default_factory=dict)


def relation_loss(
    teacher: AttentionStates,
    student: AttentionStates,
    relations: Mapping[R, float],
    relation_heads: int,
    *,
    sequences: int | None = None,
    kernel: Kernel = "auto",
) -> RelationLoss:
    """The relations of a student to be like those of its teacher: paper, equations 5 to 8.

    For a sequence of n tokens, ``L = 1/(A·n) · Σ_heads Σ_rows KL(teacher row ‖ student row)``; the loss is
    ``Σ_relations α · L``, summed over the sequences given and divided by ``sequences``.

    Args:
        teacher: states ``[T, D_t]`` of the chosen layer. No gradient flows into them.
        student: states ``[T, D_s]`` of the same tokens. ``D_t`` and ``D_s`` need not be equal.
        relations: relation -> its weight α.
        relation_heads: A; must divide ``D_t`` and ``D_s``, and need not relate to the attention heads of either.
        sequences: what to divide by. Default: the sequences given. A trainer that cuts a global batch into parts
            passes the number of sequences of the whole, so that the sum over parts is the loss of the whole.
        kernel: ``reference`` is the formula in plain lines, one sequence at a time. ``tiled`` gives the same without
            ever storing a ``[sequences, heads, n, n]`` tensor, in any dtype on any device. ``native`` is that compiled, for
            states in fp32 or bf16 on a CPU, and ``triton`` for CUDA. ``auto`` takes the fastest that runs.

    Computed in fp32, or in the dtype of the states where that is wider. Without a sequence the loss is 0.

    Raises:
        UsageError: no relations, an unknown kernel or one that cannot run here, or relation heads that do not divide
            both widths.
        ValueError: teacher and student do not hold the same sequences, a state was not captured, or
            ``sequences`` is below 1.
        PluginError: a custom relation raised, or gave logits of a wrong shape, dtype or device, or without a gradient.
    """
    if not relations:
        raise UsageError("no relation to distil", hint="Give at least one, for example qq, kk and vv with weight 1.")
    if kernel not in get_args(Kernel):
        raise UsageError(f"unknown loss kernel {kernel!r}", hint=f"Allowed: {', '.join(get_args(Kernel))}.")
    if teacher.lengths != student.lengths:
        raise ValueError(
            f"teacher and student hold different sequences: lengths {teacher.lengths} and {student.lengths}"
        )
    weights: dict[Relation, float] = {relation: weight for relation, weight in relations.items()}  # noqa: C416 - a dict() keeps the caller's key type
    pairs = {relation: weight for relation, weight in weights.items() if isinstance(relation, PairRelation)}
    for relation in pairs:
        for name in relation.needs:
            check_relation_heads(relation_heads, teacher.require(name).shape[1], student.require(name).shape[1])
    divisor = len(student.lengths) if sequences is None else sequences
    if divisor < 1 and (student.lengths or sequences is not None):
        raise ValueError(f"a loss cannot be divided by {divisor} sequences")

    device = student.cu_seqlens.device
    pair_terms = _pair_terms(kernel, teacher, student) if pairs else tiled_terms
    spoiled: dict[str, Tensor] = {}

    with torch.autocast(device.type, enabled=False):  # bf16 products are for the models, not for the loss
        if kernel == "reference":
            total, terms = reference_terms(teacher, student, weights, relation_heads, divisor)
        else:
            others = {relation: weight for relation, weight in weights.items() if relation not in pairs}
            totals, terms = [], {}
            if pairs:
                total, terms = pair_terms(teacher, student, pairs, relation_heads, divisor)
                totals.append(total)
            if others:
                total, their_terms, spoiled = custom_terms(teacher, student, others, relation_heads, divisor)
                totals.append(total)
                terms = {**terms, **their_terms}
            total = totals[0] if len(totals) == 1 else totals[0] + totals[1]
    return RelationLoss(total, {relation.name: terms[relation].detach() for relation in weights}, spoiled)


PairTerms = Callable[
    [AttentionStates, AttentionStates, Mapping[PairRelation, float], int, int], tuple[Tensor, dict[Relation, Tensor]]
]


def _pair_terms(kernel: Kernel, teacher: AttentionStates, student: AttentionStates) -> PairTerms:
    """What computes the pair relations of these states."""
    device = student.cu_seqlens.device
    native = native_obstacle(device, {state.dtype for states in (teacher, student) for _, state in states.present()})
    if kernel == "auto":
        on_gpu = device.type == "cuda" and triton_obstacle(device) is None
        kernel = "triton" if on_gpu else "tiled" if native else "native"
    elif kernel == "triton":
        check_triton(device)
    elif kernel == "native" and native:
        raise UsageError(f"the loss kernel 'native' cannot run: {native}", hint="Take the kernel 'auto' or 'tiled'.")
    kernels: dict[Kernel, PairTerms] = {"native": native_terms, "tiled": tiled_terms, "triton": triton_terms}
    return kernels.get(kernel, tiled_terms)


def kernel_reasons(device: torch.device) -> dict[str, dict[str, Any]]:
    """Each kernel -> whether it ``runs`` on this device, and the ``reason`` why not."""
    obstacle = triton_obstacle(device)
    reasons = {"native": native_obstacle(device), "triton": obstacle[0] if obstacle else None}
    return {
        name: {"runs": reasons.get(name) is None, "reason": reasons.get(name)}
        for name in get_args(Kernel)
        if name != "auto"
    }
