"""The conformance kit: does what a plugin gives keep its contract?

Two lines in the tests of a plugin::

    @pytest.mark.parametrize("check", plugin_checks(my_module), ids=str)
    def test_conforms(check): check()

or none: ``minictl plugins check`` and ``pytest --reldistill-plugin NAME`` check what is installed. pytest is not needed but
for its own plugin. Imported on first use: ``import reldistill.testing`` alone does not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from reldistill.testing.check import Check, ConformanceError, NotApplicable

if TYPE_CHECKING:
    from reldistill.testing.layers import layer_strategy_checks
    from reldistill.testing.plugin import plugin_checks
    from reldistill.testing.relation import relation_checks
    from reldistill.testing.task import task_checks
    from reldistill.testing.teacher import teacher_checks

_HOME = {
    "plugin_checks": "plugin",
    "relation_checks": "relation",
    "layer_strategy_checks": "layers",
    "teacher_checks": "teacher",
    "task_checks": "task",
}

__all__ = [
    "Check",
    "ConformanceError",
    "NotApplicable",
    "layer_strategy_checks",
    "plugin_checks",
    "relation_checks",
    "task_checks",
    "teacher_checks",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"reldistill.testing.{_HOME[name]}"), name)
    raise AttributeError(f"module 'reldistill.testing' has no attribute {name!r}")
