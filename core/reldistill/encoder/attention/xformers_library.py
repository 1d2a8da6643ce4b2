"""Importing xformers: at the first use, without its warnings on the terminal; and what its operators say of a device."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch

from reldistill.encoder.attention.trial import TRIAL_LENGTHS
from reldistill.errors import in_one_line

__all__ = ["XformersLibrary", "load_xformers", "operator_reasons"]


@dataclass(frozen=True)
class XformersLibrary:
    """``fmha`` is the module ``xformers.ops.fmha``; None where ``missing`` says why. ``notes``: what it warned of at import.

    ``own_library_fails``: its compiled library does not fit this torch, so that only operators of torch's own can stay.
    """

    fmha: Any = None
    missing: str | None = None
    notes: tuple[str, ...] = ()
    own_library_fails: bool = False


@cache
def load_xformers() -> XformersLibrary:
    """Import it, once. Never raises."""
    if find_spec("xformers") is None:
        return XformersLibrary(missing="it is not installed (pip install 'reldistill[xformers]')")
    with _collected() as notes:
        try:
            fmha = import_module("xformers.ops.fmha")
            failed = getattr(import_module("xformers._cpp_lib"), "_cpp_library_load_exception", None)
        except Exception as error:  # built for another torch, it may fail in any way
            return XformersLibrary(missing=f"it does not import: {in_one_line(error)}", notes=tuple(notes))
    return XformersLibrary(fmha, None, tuple(notes), failed is not None)


def operator_reasons(device: torch.device, dtype: torch.dtype, head_width: int) -> dict[str, str | None]:
    """Each operator, forward and backward -> why xformers does not take it there for packed sequences; None where it does.

    Empty where xformers is missing.
    """
    fmha = load_xformers().fmha
    if fmha is None:
        return {}
    state = torch.zeros(1, sum(TRIAL_LENGTHS), 2, head_width, device=device, dtype=dtype)
    with _collected():
        mask = fmha.attn_bias.BlockDiagonalMask.from_seqlens(TRIAL_LENGTHS, device=device)
        inputs = fmha.Inputs(state, state, state, attn_bias=mask)
        found = {
            str(operator.NAME): operator.not_supported_reasons(inputs)
            for operator in (*fmha.ALL_FW_OPS, *fmha.ALL_BW_OPS)
        }
    return {name: "; ".join(map(str, reasons)) or None for name, reasons in found.items()}


class _Collector(logging.Handler):
    def __init__(self, notes: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.notes = notes

    def emit(self, record: logging.LogRecord) -> None:
        self.notes.append(record.getMessage())


@contextmanager
def _collected() -> Iterator[list[str]]:
    """What xformers warns of goes into the list, not to the terminal."""
    notes: list[str] = []

    def keep(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        if not issubclass(category, DeprecationWarning | FutureWarning | PendingDeprecationWarning):
            notes.append(str(message))  # deprecations are for xformers' authors

    logger, collector = logging.getLogger("xformers"), _Collector(notes)
    propagates, logger.propagate = logger.propagate, False
    logger.addHandler(collector)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = keep
            yield notes
    finally:
        logger.removeHandler(collector)
        logger.propagate = propagates
