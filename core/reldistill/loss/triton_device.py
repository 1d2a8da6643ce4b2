"""Whether the Triton kernels run here, and why not where they do not."""

from __future__ import annotations

import os
import shutil
from functools import lru_cache
from importlib.util import find_spec

import torch

from reldistill.errors import UsageError

__all__ = ["check_triton", "triton_obstacle"]

LEAST_CAPABILITY = (8, 0)
"""The oldest NVIDIA GPUs that Triton supports (its README, section Compatibility)."""


def check_triton(device: torch.device) -> None:
    """Raise :class:`UsageError`, saying what to do, unless the kernels run on this device."""
    obstacle = triton_obstacle(device)
    if obstacle is not None:
        raise UsageError(f"the loss kernel 'triton' cannot run: {obstacle[0]}", hint=obstacle[1])


@lru_cache
def triton_obstacle(device: torch.device) -> tuple[str, str] | None:
    """What is in the way and what to do about it; None where the kernels run. Looked for once for each device."""
    if find_spec("triton") is None:
        return (
            "Triton is not installed",
            "On Linux it comes with torch's builds for GPUs; otherwise install the package 'triton', "
            "or take the kernel 'tiled', which runs everywhere.",
        )
    if _interpreted():
        return None
    if device.type != "cuda":
        return (
            f"it is for GPUs, and these states are on the device {device.type!r}",
            "Take the kernel 'auto' or 'tiled'. To try this one without a GPU, slowly, set TRITON_INTERPRET=1 "
            "before Python starts.",
        )
    if torch.version.hip is None and torch.cuda.get_device_capability(device) < LEAST_CAPABILITY:
        found, least = (".".join(map(str, c)) for c in (torch.cuda.get_device_capability(device), LEAST_CAPABILITY))
        return (
            f"Triton needs a GPU of compute capability {least} or newer, {torch.cuda.get_device_name(device)} has {found}",
            "Take the kernel 'auto' or 'tiled'.",
        )
    if "CC" not in os.environ and shutil.which("gcc") is None and shutil.which("clang") is None:
        return (
            "Triton builds what starts its kernels with a C compiler, and there is none",
            "Install gcc or clang (or name one in the environment variable CC), or take the kernel 'auto' or 'tiled'.",
        )
    return None


def _interpreted() -> bool:
    """Whether the kernels are run by Triton's interpreter, on any device; settled when they are imported."""
    if not os.environ.get("TRITON_INTERPRET"):  # spares the import where nothing asks for it
        return False
    from reldistill.loss.triton_kernels import INTERPRETED

    return bool(INTERPRETED)
