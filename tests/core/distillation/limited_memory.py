"""A program: a distillation that gets MEBIBYTES more memory from its first batch on; prints what came of it as JSON.

python limited_memory.py MEBIBYTES OPTIONS, where OPTIONS is a DistillConfig as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

import torch

from reldistill import DistillConfig, DistillResult
from reldistill.distillation.out_of_memory import OutOfMemory
from reldistill.distillation.trainer import Trainer
from short_runs import Listener, run


def main(mebibytes: int, options: dict[str, Any]) -> None:
    """Run under the limit."""
    torch.set_num_threads(1)
    original, listener = Trainer._accumulate, Listener()
    limited = False

    def accumulate(self: Trainer, batch: Any) -> Any:
        nonlocal limited
        if not limited:
            limited = True
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + mebibytes * 2**20, resource.RLIM_INFINITY))
        return original(self, batch)

    Trainer._accumulate = accumulate  # type: ignore[method-assign]
    lists: dict[str, Any] = {name: tuple(value) for name, value in options.items() if isinstance(value, list)}
    config = DistillConfig(**(options | lists))
    result: DistillResult | None = None
    said = None
    try:
        result = run(config, listener)
    except OutOfMemory as error:
        said = str(error)
    print(json.dumps({"finished": result is not None, "notes": listener.notes, "error": said}))


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(sys.argv[2]))
