"""Which attention backend serves a run, and what is said of one that does not run."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from reldistill import UsageError
from reldistill.config import CHOICES
from reldistill.encoder import ATTENTION_BACKENDS, attention_reasons, resolve_attention
from reldistill.encoder.attention import BACKENDS, registry
from reldistill.encoder.attention.xformers_library import load_xformers

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def only_wide_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU where xformers takes heads of 32 and more."""

    def reason(device: torch.device, _dtype: torch.dtype, head_width: int) -> str | None:
        return None if device.type == "cuda" and head_width >= 32 else f"heads of {head_width}"

    changed = tuple(replace(b, reason=reason) if b.name == "xformers" else b for b in BACKENDS)
    monkeypatch.setattr(registry, "BACKENDS", changed)


def test_the_command_line_takes_auto_and_every_backend() -> None:
    assert CHOICES["attention"] == ("auto", *ATTENTION_BACKENDS)


def test_auto_on_the_cpu_is_native_and_does_not_import_xformers() -> None:
    asked = load_xformers.cache_info()
    assert resolve_attention("auto", CPU, torch.float32) == "native"
    assert load_xformers.cache_info() == asked


@pytest.mark.usefixtures("only_wide_heads")
def test_auto_on_cuda_is_xformers_where_it_takes_the_heads_of_both_models() -> None:
    assert resolve_attention("auto", CUDA, torch.bfloat16, (64, 32)) == "xformers"
    assert resolve_attention("auto", CUDA, torch.bfloat16, (64, 6)) == "sdpa"


@pytest.mark.usefixtures("only_wide_heads")
def test_with_deterministic_no_backend_that_adds_in_any_order_is_taken_on_cuda() -> None:
    assert resolve_attention("auto", CUDA, torch.bfloat16, deterministic=True) == "sdpa"
    with pytest.raises(UsageError, match="adds in any order"):
        resolve_attention("xformers", CUDA, torch.bfloat16, deterministic=True)
    assert resolve_attention("auto", CPU, torch.float32, deterministic=True) == "native"


@pytest.mark.usefixtures("only_wide_heads")
def test_a_backend_that_does_not_run_is_refused_with_the_reason_and_what_does() -> None:
    assert resolve_attention("xformers", CUDA, torch.bfloat16, (64, 32)) == "xformers"
    with pytest.raises(UsageError) as refused:
        resolve_attention("xformers", CUDA, torch.bfloat16, (64, 6))
    assert refused.value.message == "--attention xformers does not run here: heads of 6"
    assert refused.value.hint is not None
    assert "On cuda these run: sdpa, eager." in refused.value.hint


@pytest.mark.parametrize("name", ["xformers", "flash_attention_2"])
def test_what_needs_cuda_is_refused_on_the_cpu(name: str) -> None:
    with pytest.raises(
        UsageError, match=f"--attention {name} does not run here: (?s:.*)On cpu these run: native, sdpa, eager"
    ):
        resolve_attention(name, CPU, torch.float32)


def test_an_unknown_backend_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="Allowed: auto, xformers, flash_attention_2, native, sdpa, eager"):
        resolve_attention("flash", CPU, torch.float32)


def test_every_backend_is_reported_with_a_reason_where_it_does_not_run() -> None:
    found = attention_reasons(CPU, torch.float32)
    assert set(found) == set(ATTENTION_BACKENDS)
    assert {name for name, backend in found.items() if backend["runs"]} == {"native", "sdpa", "eager"}
    assert all((backend["reason"] is None) == backend["runs"] for backend in found.values())
