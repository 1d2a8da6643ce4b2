"""The state of torch's random generators, on which dropout depends."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["random_state", "restore_random_state"]


def random_state(device: torch.device) -> dict[str, Tensor]:
    """``{"cpu": uint8, …}``: of the CPU's generator and of the device's own. Does not wait for the device."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        state["mps"] = torch.mps.get_rng_state()
    return state


def restore_random_state(state: dict[str, Tensor], device: torch.device) -> None:
    """Put the generators where they were; those of another kind of device are left alone."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
    elif device.type == "mps" and "mps" in state:
        torch.mps.set_rng_state(state["mps"])
