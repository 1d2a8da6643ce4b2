"""xformers itself, as far as a machine without a GPU can run it: its mask, its refusals, its import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from materialized_operator import MaterializedOperator
from reldistill.encoder.attention import Packing
from reldistill.encoder.attention.eager import plain_attention
from reldistill.encoder.attention.xformers import MemoryEfficientOperator, attention_by
from reldistill.encoder.attention.xformers_library import load_xformers, operator_reasons

LENGTHS = (13, 7, 7, 2, 1)
LOAD = (
    "import json; from reldistill.encoder.attention.xformers_library import load_xformers;"
    "found = load_xformers(); print(json.dumps([found.missing, found.notes]))"
)


@pytest.fixture
def _installed() -> None:
    if (missing := load_xformers().missing) is not None:
        pytest.skip(f"waits for xformers: {missing}")


class OwnMask(MemoryEfficientOperator):
    """xformers' mask, materialised by itself, with plain operations where its operator needs a GPU."""

    def attend(self, query: Tensor, key: Tensor, value: Tensor, attn_bias: Any, p: float, scale: float) -> Tensor:
        tokens = query.shape[1]
        mask = attn_bias.materialize((tokens, tokens), dtype=query.dtype, device=query.device)
        return MaterializedOperator().attend(query, key, value, mask, p, scale)


@pytest.mark.usefixtures("_installed")
def test_its_own_mask_keeps_the_sequences_apart() -> None:
    torch.manual_seed(0)
    query, key, value = (torch.randn(1, 3, sum(LENGTHS), 5, dtype=torch.float64, requires_grad=True) for _ in range(3))
    found, expected = (
        attend(query, key, value, Packing.of(LENGTHS), 0.37, 0.0)
        for attend in (attention_by(OwnMask()), plain_attention)
    )
    torch.testing.assert_close(found, expected)
    towards = torch.randn_like(found)
    gradients, plain = (torch.autograd.grad(output, (query, key, value), towards) for output in (found, expected))
    torch.testing.assert_close(gradients, plain)


@pytest.mark.usefixtures("_installed")
def test_the_mask_of_the_oracle_is_its_own() -> None:
    device, tokens = torch.device("cpu"), sum(LENGTHS)
    own = MemoryEfficientOperator().mask(LENGTHS, device).materialize((tokens, tokens))
    assert torch.equal(own, MaterializedOperator().mask(LENGTHS, device))


@pytest.mark.usefixtures("_installed")
def test_each_of_its_operators_has_a_reason_on_the_cpu() -> None:
    reasons = operator_reasons(torch.device("cpu"), torch.float32, 64)
    assert any(name.startswith("cutlassF") for name in reasons)
    assert any(name.startswith("fa2B") for name in reasons)
    assert all(reason is not None and "device=cpu" in reason for reason in reasons.values())


@pytest.mark.usefixtures("_installed")
def test_it_is_called_with_arguments_that_it_takes() -> None:
    """Up to the choice of an operator, of which there is none for the CPU."""
    state = torch.zeros(1, 3, sum(LENGTHS), 8)
    with pytest.raises(NotImplementedError, match=r"No operator found for `memory_efficient_attention_forward`"):
        attention_by(MemoryEfficientOperator())(state, state, state, Packing.of(LENGTHS), 0.37, 0.0)


@pytest.mark.usefixtures("_installed")
def test_its_import_leaves_the_terminal_alone() -> None:
    done = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_one_that_does_not_import_is_a_reason_and_its_warnings_are_kept(tmp_path: Path) -> None:
    """A package that says what xformers says of another torch, and then fails as a library with missing symbols does."""
    (tmp_path / "xformers").mkdir()
    (tmp_path / "xformers" / "__init__.py").write_text(
        "import logging, warnings\n"
        "logging.getLogger('xformers').warning('built for another torch')\n"
        "warnings.warn('no GPU')\n"
        "raise OSError('undefined symbol: _ZN3c10')\n"
    )
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", LOAD], capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": path}
    )
    assert done.stderr == ""
    assert json.loads(done.stdout) == [
        "it does not import: undefined symbol: _ZN3c10",
        ["built for another torch", "no GPU"],
    ]
