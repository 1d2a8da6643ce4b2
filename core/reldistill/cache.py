"""Where what can be made again is kept."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """``$RELDISTILL_CACHE``, else ``$XDG_CACHE_HOME/reldistill``, else ``~/.cache/reldistill``."""
    if own := os.environ.get("RELDISTILL_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reldistill"
