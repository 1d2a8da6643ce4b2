"""The attention backends, and which of them serves a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reldistill.encoder.attention.backend import Backend
from reldistill.encoder.attention.eager import plain_attention
from reldistill.encoder.attention.flash import flash_attention_by, flash_attn_varlen, flash_reason
from reldistill.encoder.attention.native import native_attention, native_reason
from reldistill.encoder.attention.sdpa import sdpa
from reldistill.encoder.attention.xformers import MemoryEfficientOperator, attention_by, xformers_reason
from reldistill.encoder.attention.xformers_library import load_xformers, operator_reasons
from reldistill.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import torch

__all__ = ["ATTENTION_BACKENDS", "BACKENDS", "attention_reasons", "resolve_attention"]

BACKENDS = (
    Backend("xformers", "reldistill_packed_xformers", attention_by(MemoryEfficientOperator()), reason=xformers_reason),
    Backend(
        "flash_attention_2",
        "reldistill_packed_flash_attention_2",
        flash_attention_by(flash_attn_varlen),
        reason=flash_reason,
    ),
    Backend("native", "reldistill_packed_native", native_attention, reason=native_reason),
    Backend("sdpa", "reldistill_packed_sdpa", sdpa),
    Backend("eager", "reldistill_packed_eager", plain_attention),
)
"""All backends; a further one is a function, a line here and a word in :data:`reldistill.config.CHOICES`."""

ATTENTION_BACKENDS = {backend.name: backend.registered for backend in BACKENDS}
"""What ``--attention`` takes, beside ``auto`` -> the name of the backend in transformers."""

ADD_IN_ANY_ORDER = frozenset({"xformers", "flash_attention_2"})
"""Backends whose backward pass adds with atomic operations on CUDA, as they are called here."""

for _backend in BACKENDS:
    _backend.register()


def resolve_attention(
    name: str,
    device: torch.device,
    dtype: torch.dtype,
    head_widths: Iterable[int] = (64,),
    *,
    deterministic: bool = False,
) -> str:
    """The backend for models with heads of these widths, in the dtype that attention is computed in.

    ``auto`` is native on a CPU, xformers on CUDA where one of its operators runs, else sdpa. xformers is imported only
    for that and where it is asked for. With ``deterministic`` only those are taken whose gradient has the same bits each
    time on CUDA.

    Raises:
        UsageError: no such backend, or one that does not run on this device, or not deterministically.
    """
    if name == "auto":
        first = {"cpu": "native", "cuda": "sdpa" if deterministic else "xformers"}.get(device.type, "sdpa")
        return "sdpa" if _reason(first, device, dtype, head_widths) else first
    if name not in ATTENTION_BACKENDS:
        raise UsageError(f"--attention {name}: not a choice", hint=f"Allowed: auto, {', '.join(ATTENTION_BACKENDS)}.")
    if (reason := _reason(name, device, dtype, head_widths)) is not None:
        others = [b.name for b in BACKENDS if b.name != name and not _reason(b.name, device, dtype, head_widths)]
        raise UsageError(
            f"--attention {name} does not run here: {reason}",
            hint=f"On {device.type} these run: {', '.join(others)}. minictl doctor tells more.",
        )
    if deterministic and device.type == "cuda" and name in ADD_IN_ANY_ORDER:
        raise UsageError(
            f"--attention {name} with --deterministic: its backward pass adds in any order",
            hint="Take sdpa, which auto chooses then, or eager.",
        )
    return name


def attention_reasons(device: torch.device, dtype: torch.dtype, head_width: int = 64) -> dict[str, dict[str, Any]]:
    """Each backend -> ``runs`` and ``reason``; of xformers its ``operators`` with their reasons and its ``warnings`` too."""
    found: dict[str, dict[str, Any]] = {}
    for backend in BACKENDS:
        reason = backend.reason(device, dtype, head_width)
        found[backend.name] = {"runs": reason is None, "reason": reason}
    found["xformers"]["operators"] = operator_reasons(device, dtype, head_width)
    found["xformers"]["warnings"] = list(load_xformers().notes)
    return found


def _reason(name: str, device: torch.device, dtype: torch.dtype, head_widths: Iterable[int]) -> str | None:
    backend = next(backend for backend in BACKENDS if backend.name == name)
    reasons = (backend.reason(device, dtype, width) for width in head_widths)
    return next((reason for reason in reasons if reason is not None), None)
