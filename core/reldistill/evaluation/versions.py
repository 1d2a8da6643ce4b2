"""What a score was computed with."""

from __future__ import annotations

from importlib.metadata import version

__all__ = ["versions"]


def versions() -> dict[str, str]:
    """Package -> version, of those that a score depends on."""
    return {name: version(name) for name in ("reldistill", "torch", "transformers", "tokenizers")}
