import pytest
import torch

import reldistill_cosine_relations as plugin
from reldistill import AttentionStates
from reldistill.testing import Check, plugin_checks


@pytest.mark.parametrize("check", plugin_checks(plugin), ids=str)
def test_conforms(check: Check) -> None:
    check()


def test_the_length_of_a_vector_does_not_matter() -> None:
    value = torch.tensor([[3.0, 4.0, 1.0, 0.0], [4.0, -3.0, 2.0, 0.0]])  # two tokens, two heads of size 2
    states = AttentionStates(None, None, value, None, torch.tensor([0, 2], dtype=torch.int32))
    logits = plugin.CosineRelation("cos-vv", "value").logits(states, relation_heads=2)
    alike, across = 2**0.5, 0.0
    torch.testing.assert_close(logits[0], torch.tensor([[alike, across], [across, alike]]))
    torch.testing.assert_close(logits[1], torch.full((2, 2), alike))
