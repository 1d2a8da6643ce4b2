"""The built-in tasks: GLUE, SQuAD 2.0, XNLI and MLQA."""

from __future__ import annotations

from collections.abc import Iterable

from reldistill import EvalTask, hookimpl
from reldistill_plugins.tasks.glue import GLUE
from reldistill_plugins.tasks.mlqa import MLQA
from reldistill_plugins.tasks.squad2 import SQUAD2
from reldistill_plugins.tasks.xnli import XNLI


@hookimpl
def reldistill_tasks() -> Iterable[EvalTask]:
    return [*GLUE, SQUAD2, XNLI, MLQA]
