"""What adapters may return: the check of a method lets all of its contract pass."""

from __future__ import annotations

import pytest
from torch import nn

from reldistill import FusedPart, Projections
from reldistill.registry.contracts import CHECKS

FUSED = nn.Linear(4, 12)


@pytest.mark.parametrize("query", [nn.Linear(4, 4), FusedPart(FUSED, 0, 4), None])
def test_a_projection_is_a_module_a_part_of_a_fused_one_or_dropped(query: nn.Module | FusedPart | None) -> None:
    given = Projections(query, FusedPart(FUSED, 4, 8), FusedPart(FUSED, 8, 12), nn.Identity())
    assert CHECKS["projections"](None, given) is None
