"""Where to compute, in which precision, and how much at once."""

from __future__ import annotations

import os

import torch

from reldistill.errors import UsageError

__all__ = [
    "bf16_is_fast",
    "default_micro_batch_tokens",
    "memory_bytes",
    "precision_name",
    "resolve_device",
    "resolve_precision",
]


PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


def resolve_device(name: str) -> torch.device:
    """``auto`` is CUDA, else Apple's MPS, else the CPU. Raises :class:`UsageError` for a device that is not here."""
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(device for device, there in here.items() if there))
    if not here[name]:
        raise UsageError(
            f"--device {name}: not available here",
            hint=f"Available: {', '.join(d for d, there in here.items() if there)}.",
        )
    return torch.device(name)


def bf16_is_fast(device: torch.device) -> bool:
    """Whether the device multiplies bf16 matrices in hardware: recent CUDA, or a CPU with AVX512-BF16 or AMX."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return False


def resolve_precision(name: str, device: torch.device) -> torch.dtype:
    """``fp32`` or ``bf16`` as a dtype; ``auto`` is bf16 where :func:`bf16_is_fast`."""
    if name == "auto":
        name = "bf16" if bf16_is_fast(device) else "fp32"
    return PRECISIONS[name]


def precision_name(dtype: torch.dtype) -> str:
    """``fp32`` or ``bf16``."""
    return next(name for name, precision in PRECISIONS.items() if precision == dtype)


def memory_bytes(device: torch.device) -> int | None:
    """The whole memory of the device; None where it cannot be told."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None


def default_micro_batch_tokens(device: torch.device) -> int:
    """4,096 tokens at once on a CPU, 32,768 on a GPU."""
    return 4_096 if device.type == "cpu" else 32_768
