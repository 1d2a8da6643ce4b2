"""What this machine can do for a distillation, found out by trying."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from reldistill.cache import cache_folder
from reldistill.cost import measured_rate
from reldistill.distillation.device import bf16_is_fast, memory_bytes, precision_name, resolve_device, resolve_precision
from reldistill.encoder import attention_reasons
from reldistill.hub.connection import hub_answers
from reldistill.loss import kernel_reasons
from reldistill.registry import Registry

__all__ = ["examine"]

PACKAGES = ("reldistill", "torch", "transformers", "tokenizers", "huggingface_hub", "datasets", "xformers")


def examine(registry: Registry) -> dict[str, Any]:
    """Versions, devices, measured speed of matrix products, loss kernels, attention backends, folders, Hub and plugins."""
    device = resolve_device("auto")
    precision = resolve_precision("auto", device)
    cache = cache_folder()
    existing = next(p for p in (cache, *cache.parents) if p.exists())
    return {
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gib": round((memory_bytes(torch.device("cpu")) or 0) / 2**30, 1),
        "device": str(device),
        "device_name": torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else platform.processor() or platform.machine(),
        "bf16_in_hardware": bf16_is_fast(device),
        "precision_auto": precision_name(precision),
        "matmul_gflops": {
            name: round(measured_rate(device, dtype) / 1e9, 1)
            for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16))
        },
        "loss_kernels": kernel_reasons(device),
        "attention": attention_reasons(device, precision),
        "cache": str(cache),
        "cache_free_gib": round(shutil.disk_usage(existing).free / 2**30, 1),
        "hub": _hub(),
        "plugins_left_out": [str(failure) for failure in registry.failures],
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _hub() -> str:
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return "offline by HF_HUB_OFFLINE"
    return "reachable" if hub_answers() else "not reachable; local teachers and text work as ever"
