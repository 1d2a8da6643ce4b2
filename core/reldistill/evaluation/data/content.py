"""What rows say, as a hash: the same for the same rows, whatever file they came from."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["content_sha256"]


def content_sha256(rows: Dataset) -> str:
    """SHA-256 over all values, by column."""
    digest = hashlib.sha256()
    for name in sorted(rows.column_names):
        digest.update(name.encode() + b"\0")
        for value in rows[name]:
            digest.update(repr(value).encode() + b"\0")
    return digest.hexdigest()
