"""Watching a command that runs."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

__all__ = ["wait_for_step"]


def wait_for_step(process: subprocess.Popen[str], metrics: Path, step: int) -> None:
    """Until the row of this step is logged; fails where the process ends before."""
    deadline = time.monotonic() + 300
    while not (metrics.is_file() and f'"step": {step},' in metrics.read_text()):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "no step in time"
        time.sleep(0.01)
