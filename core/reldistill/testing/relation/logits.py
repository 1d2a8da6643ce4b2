"""Shape, heads, dtype and finiteness of logits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from reldistill.testing.check import ConformanceError
from reldistill.testing.relation.made_states import HEADS, STUDENT_WIDTH, WIDTH, changed, logits_of, random_states

if TYPE_CHECKING:
    from reldistill.relation import Relation
    from reldistill.states import AttentionStates

__all__ = ["check_dtype", "check_finite", "check_heads", "check_shape", "extreme_states"]


def check_shape(relation: Relation) -> None:
    """``[heads, n, n]``."""
    for tokens in (4, 1, 7):
        for heads in HEADS:
            found = logits_of(relation, random_states((tokens,)), heads)
            right = isinstance(found, torch.Tensor) and found.dim() == 3 and tuple(found.shape[1:]) == (tokens, tokens)
            if not right or not found.shape[0]:
                shape = list(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
                raise ConformanceError(
                    f"{tokens} tokens and {heads} relation heads gave {shape}, not [heads, {tokens}, {tokens}]",
                    "logits(states, relation_heads) compares each token of one sequence with each: [heads, n, n]",
                    "Put the heads first; one map for all of them is logits.unsqueeze(0), and split_heads() of "
                    "reldistill.relation makes [heads, n, d] of [n, width].",
                )


def check_heads(relation: Relation) -> None:
    """The number of heads follows from ``relation_heads`` alone."""
    for heads in HEADS:
        found = {
            f"width {width}, {tokens} tokens": logits_of(relation, random_states((tokens,), width), heads).shape[0]
            for width in (WIDTH, STUDENT_WIDTH)
            for tokens in (5, 2)
        }
        if len(set(found.values())) > 1:
            raise ConformanceError(
                f"{heads} relation heads gave "
                + "; ".join(f"{number} heads for {what}" for what, number in found.items()),
                "teacher and student, whose widths differ, are compared head by head",
                "Make relation_heads heads of any width, or one head.",
            )


def check_dtype(relation: Relation) -> None:
    """float32 stays float32, float64 stays float64."""
    for dtype in (torch.float32, torch.float64):
        found = logits_of(relation, random_states(dtype=dtype)).dtype
        if found != dtype:
            raise ConformanceError(
                f"states of {dtype} gave logits of {found}",
                "the toolkit hands over states in the precision that the loss is computed in, and logits keep it",
                "Make new tensors with dtype=state.dtype and device=state.device, or by operations on the states.",
            )


def extreme_states() -> Iterator[tuple[str, AttentionStates]]:
    """States of float32 that are rare but possible, with what they are."""
    usual = random_states(dtype=torch.float32)
    yield "states of the usual size", usual
    yield "a single token", random_states((1,), dtype=torch.float32)
    yield "states around 1,000", changed(usual, lambda state: 1e3 * state)
    yield "states around 0.000001", changed(usual, lambda state: 1e-6 * state)
    yield "states that are all zero", changed(usual, torch.zeros_like)
    yield "states that are all one", changed(usual, torch.ones_like)
    yield "tokens that are all alike", changed(usual, lambda state: state[:1].expand(len(state), -1).clone())


def check_finite(relation: Relation) -> None:
    """No infinity and no NaN."""
    for what, states in extreme_states():
        found = logits_of(relation, states)
        bad = int((~found.isfinite()).sum())
        if bad:
            raise ConformanceError(
                f"{what} gave {bad} of {found.numel()} logits that are infinite or NaN",
                "logits are finite: the loss takes a softmax of them, and of -inf on both sides it makes NaN",
                "Divide by norm.clamp_min(eps), or take torch.nn.functional.normalize; leave exp and softmax to the loss; "
                "mask by a large negative number, not by -inf.",
            )
