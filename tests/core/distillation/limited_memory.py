"""A program: a distillation that gets MEBIBYTES more memory from its first batch on; prints what came of it as JSON.

python limited_memory.py MEBIBYTES OPTIONS, where OPTIONS is a DistillConfig as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
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
            time.sleep(0.5)  # until the loader has read ahead what it will: it is not what lacks memory here
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + mebibytes * 2**20, resource.RLIM_INFINITY))
        try:
            return original(self, batch)
        finally:
            if self.micro_batch_tokens <= max(batch.lengths):  # what follows is the end
                resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

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
