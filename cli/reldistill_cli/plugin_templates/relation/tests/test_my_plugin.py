from __future__ import annotations

import my_plugin
import pytest
import torch

from reldistill import AttentionStates
from reldistill.testing import Check, plugin_checks


@pytest.mark.parametrize("check", plugin_checks(my_plugin), ids=str)
def test_conforms(check: Check) -> None:
    check()


def test_logits_are_sharpened_cosines() -> None:
    hidden = torch.tensor([[3.0, 4.0], [8.0, 6.0], [-4.0, 3.0]])
    states = AttentionStates(None, None, None, hidden, cu_seqlens=torch.tensor([0, 3], dtype=torch.int32))
    (logits,) = my_plugin.HiddenCosine().logits(states, relation_heads=1)
    expected = torch.tensor([[10.0, 9.6, 0.0], [9.6, 10.0, -2.8], [0.0, -2.8, 10.0]])
    assert torch.allclose(logits, expected, atol=1e-5)
