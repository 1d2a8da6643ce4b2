"""Which code a plugin is made of, for the model card."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from reldistill.registry.discovery import PluginSource

__all__ = ["content_hash"]


def content_hash(source: PluginSource) -> str:
    """SHA-256 over the plugin's Python files: of its top-level package, or of its one module."""
    spec = find_spec(source.module.partition(".")[0])
    if spec is None or spec.origin is None:
        return "unknown"
    origin = Path(spec.origin)
    files = sorted(origin.parent.rglob("*.py")) if spec.submodule_search_locations else [origin]
    digest = hashlib.sha256()
    for file in files:
        digest.update(str(file.relative_to(origin.parent)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
