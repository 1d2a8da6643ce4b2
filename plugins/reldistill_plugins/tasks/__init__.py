"""The built-in tasks: GLUE and XNLI."""

from __future__ import annotations

from collections.abc import Iterable

from reldistill import EvalTask, hookimpl
from reldistill_plugins.tasks.glue import GLUE
from reldistill_plugins.tasks.xnli import XNLI


@hookimpl
def reldistill_tasks() -> Iterable[EvalTask]:
    return [*GLUE, XNLI]
