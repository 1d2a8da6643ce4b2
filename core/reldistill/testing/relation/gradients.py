"""Gradients of logits: right, finite, and of every state that is needed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.gradcheck import GradcheckError

from reldistill.testing.check import ConformanceError
from reldistill.testing.relation.logits import extreme_states
from reldistill.testing.relation.made_states import logits_of, only, random_states

if TYPE_CHECKING:
    from torch import Tensor

    from reldistill.relation import Relation
    from reldistill.states import AttentionStates

__all__ = ["check_finite", "check_numerically", "check_reach"]

DIFFERENTIABLE = "logits() is differentiable in every state of needs: the student learns by its gradient"


def check_numerically(relation: Relation) -> None:
    """gradcheck in float64, a state at a time."""
    for name in sorted(relation.needs):
        states = random_states((4,), 4, seed=2)

        def of_one(state: Tensor, name: str = name, states: AttentionStates = states) -> Tensor:
            one: dict[str, Any] = {name: state}
            return logits_of(relation, replace(states, **one))

        leaf = getattr(states, name).clone().requires_grad_()
        if not of_one(leaf).requires_grad:
            raise ConformanceError(f"the logits have no gradient in {name!r}", DIFFERENTIABLE, CHANGE)
        try:
            torch.autograd.gradcheck(of_one, (leaf,), eps=1e-6, atol=1e-5, rtol=1e-4)
        except GradcheckError as error:
            raise ConformanceError(
                f"the gradient in {name!r} is not that of finite differences ({_largest_difference(of_one, leaf)})",
                DIFFERENTIABLE,
                "Detach nothing on the way and make no tensor anew out of numbers; of an autograd.Function of your own, "
                "correct backward().",
            ) from error


CHANGE = (
    "Compute the logits from the state by differentiable operations, without detach(), no_grad(), item() or argmax; "
    "take a state out of needs that is not read."
)


def check_reach(relation: Relation) -> None:
    """No state of ``needs`` is without gradient, or with one that is zero throughout."""
    for name, gradient in _gradients(relation, random_states((5,))).items():
        if gradient is None or not bool((gradient != 0).any()):
            raise ConformanceError(
                f"the state {name!r} gets no gradient", f"{DIFFERENTIABLE}; its parameters are trained", CHANGE
            )


def check_finite(relation: Relation) -> None:
    """No infinity and no NaN in the gradients."""
    for what, states in extreme_states():
        for name, gradient in _gradients(relation, states).items():
            if gradient is not None and not bool(gradient.isfinite().all()):
                raise ConformanceError(
                    f"{what} gave a gradient in {name!r} that is infinite or NaN",
                    "gradients are finite: a step with one that is not is left out",
                    "Where a square root, a norm, a quotient or a power may be taken at 0, keep away from it "
                    "(sqrt(x + eps), clamp_min(eps)): its gradient there is infinite, also where torch.where drops the value.",
                )


def _gradients(relation: Relation, states: AttentionStates) -> dict[str, Tensor | None]:
    """State -> the gradient in it of a weighted sum of the logits."""
    leaves: dict[str, Any] = {name: getattr(states, name).clone().requires_grad_() for name in relation.needs}
    found = logits_of(relation, replace(only(states, ()), **leaves))
    if not found.requires_grad:
        return dict.fromkeys(leaves)
    weights = torch.randn(found.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64).to(found.dtype)
    return dict(
        zip(leaves, torch.autograd.grad((found * weights).sum(), list(leaves.values()), allow_unused=True), strict=True)
    )


def _largest_difference(function: Any, leaf: Tensor) -> str:
    weights = torch.randn(function(leaf).shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    (gradient,) = torch.autograd.grad((function(leaf) * weights).sum(), leaf)
    step = torch.randn(leaf.shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    with torch.no_grad():
        up, down = (((function(leaf + sign * 1e-6 * step)) * weights).sum() for sign in (1, -1))
    return f"along one direction {float((gradient * step).sum()):.4g}, by differences {float(up - down) / 2e-6:.4g}"
