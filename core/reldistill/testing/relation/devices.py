"""A relation on devices other than the CPU, which all other checks use."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from reldistill.testing.check import ConformanceError, NotApplicable, ask
from reldistill.testing.relation.made_states import changed, logits_of, random_states

if TYPE_CHECKING:
    from torch import Tensor

    from reldistill.relation import Relation

__all__ = ["check_cuda", "check_meta", "check_mps", "check_on"]

CONTRACT = "logits are computed on the device of the states"
CHANGE = "Make new tensors with device=state.device, as torch.eye(n, device=state.device) or state.new_zeros(n)."


def check_meta(relation: Relation) -> None:
    """Without data, which shows tensors that are made on another device where there is none."""
    states = changed(random_states(), lambda state: state.to("meta"))
    try:
        found = logits_of(relation, states)
    except Exception as error:
        if "expected device" not in str(error):
            raise NotApplicable(
                "it reads values of its tensors, so a device is needed to try it; on a GPU each such read waits for it "
                f"({type(error).__name__})"
            ) from error
        raise ConformanceError("logits() mixes the states with a tensor on the CPU", CONTRACT, CHANGE) from error
    if found.device.type != "meta":
        raise ConformanceError(f"states on the meta device gave logits on {found.device}", CONTRACT, CHANGE)


def check_cuda(relation: Relation) -> None:
    """On the first CUDA device."""
    if not torch.cuda.is_available():
        raise NotApplicable("there is no CUDA device here")
    check_on(relation, "cuda")


def check_mps(relation: Relation) -> None:
    """On Apple's GPU."""
    if not torch.backends.mps.is_available():
        raise NotApplicable("there is no MPS device here")
    check_on(relation, "mps")


def check_on(relation: Relation, device: str) -> None:
    """On a device that is there, against the CPU."""
    expected = _logits_and_gradients(relation, "cpu")
    found = ask(f"on {device}, logits()", lambda: _logits_and_gradients(relation, device), CONTRACT, CHANGE)
    for name, tensor in expected.items():
        if found[name].device.type != device:
            raise ConformanceError(f"states on {device} gave {name} on {found[name].device}", CONTRACT, CHANGE)
        difference = float((found[name].cpu() - tensor).abs().max())
        if not difference <= 1e-3 * (1 + float(tensor.abs().max())):
            raise ConformanceError(
                f"{name} on {device} differ from those on the CPU by up to {difference:.2g}",
                "a relation is the same function on every device",
                "Look for an operation that depends on the device, such as the order of equal values in a sort.",
            )


def _logits_and_gradients(relation: Relation, device: str) -> dict[str, Tensor]:
    """In float32, which every device has."""
    states = changed(random_states(dtype=torch.float32), lambda state: state.to(device).requires_grad_())
    # Of one sequence the running lengths are on the host, as the loss hands them over.
    found = logits_of(relation, replace(states, cu_seqlens=states.cu_seqlens.cpu()))
    leaves = {name: state for name, state in states.present() if name in relation.needs}
    gradients = torch.autograd.grad(found.square().sum(), list(leaves.values()))
    named = {f"gradients in {name}": gradient for name, gradient in zip(leaves, gradients, strict=True)}
    return {"logits": found.detach(), **named}
