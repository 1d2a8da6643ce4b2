from __future__ import annotations

import my_plugin
import pytest

from reldistill import LayerContext, LayerPair
from reldistill.testing import Check, plugin_checks


@pytest.mark.parametrize("check", plugin_checks(my_plugin), ids=str)
def test_conforms(check: Check) -> None:
    check()


@pytest.mark.parametrize(("depth", "layer"), [(1, 1), (2, 2), (3, 2), (12, 7), (24, 13)])
def test_the_middle_layer_is_taken(depth: int, layer: int) -> None:
    context = LayerContext("bert", depth, teacher_width=768, student_layers=1, student_width=384)
    assert my_plugin.Middle().pairs(context) == [LayerPair(layer, 1)]
