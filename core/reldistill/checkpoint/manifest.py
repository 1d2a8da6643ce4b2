"""MANIFEST.json: which files a folder must hold, byte by byte, to be whole."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reldistill.checkpoint.durable import replace_durably
from reldistill.errors import CheckpointError

__all__ = ["MANIFEST", "read_manifest", "verify", "write_manifest"]

MANIFEST = "MANIFEST.json"
FORMAT = 1
BLOCK = 2**20


def write_manifest(folder: Path, about: Mapping[str, Any]) -> None:
    """List the folder's files with their sizes and SHA-256, beside ``about``, which must be plain values."""
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": _sha256(path, from_disk=False)}
        for path in sorted(folder.iterdir())
        if path.name != MANIFEST
    }
    content = {"format": FORMAT, "files": files, **about}
    content["sha256"] = _digest(content)
    replace_durably(folder / MANIFEST, json.dumps(content, indent=2).encode())


def read_manifest(folder: Path) -> dict[str, Any]:
    """What :func:`write_manifest` wrote; the files themselves are not looked at.

    Raises:
        CheckpointError: there is none, it is not as it was written, or of a newer format.
    """
    try:
        content = json.loads((folder / MANIFEST).read_bytes())
        written = content.pop("sha256")
    except FileNotFoundError as error:
        raise CheckpointError(f"{folder} has no {MANIFEST}: it is no whole checkpoint") from error
    except OSError as error:
        raise CheckpointError(f"{folder / MANIFEST} cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(f"{folder / MANIFEST} is damaged") from error
    if written != _digest(content):
        raise CheckpointError(f"{folder / MANIFEST} is damaged: its content has another SHA-256 than it says")
    if content["format"] != FORMAT:
        raise CheckpointError(
            f"{folder} is a checkpoint of format {content['format']}, this version reads {FORMAT}",
            hint="Go on with the version that wrote it.",
        )
    assert isinstance(content, dict)
    return content


def verify(folder: Path) -> dict[str, Any]:
    """Read every byte and hold it against the manifest, which is returned.

    Raises:
        CheckpointError: a file is missing, cut short or altered; names it.
    """
    manifest = read_manifest(folder)
    for name, expected in manifest["files"].items():
        path = folder / name
        try:
            size = path.stat().st_size
            if size != expected["bytes"]:
                raise CheckpointError(f"{path} has {size:,} bytes in place of {expected['bytes']:,}")
            if _sha256(path, from_disk=True) != expected["sha256"]:
                raise CheckpointError(f"{path} is damaged: it has another SHA-256 than when it was written")
        except FileNotFoundError as error:
            raise CheckpointError(f"{path} is missing") from error
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
    return manifest


def _sha256(path: Path, *, from_disk: bool) -> str:
    """``from_disk``: pages of the file that are in memory are dropped first, where the system lets us."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        if from_disk and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
