"""Tokenised rows on the disk, by what they depend on."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reldistill.cache import cache_folder
from reldistill.checkpoint.durable import scratch_beside
from reldistill.eval_task import Encoded
from reldistill.file_lock import claimed

__all__ = ["encoded_once"]

VERSION = 1
"""Of the layout below; another one is another cache."""

Ragged = Sequence[NDArray[Any]]


def encoded_once(key: Mapping[str, Any], encode: Callable[[], Encoded]) -> Encoded:
    """What ``encode`` gives, kept under ``key``, which must hold all that it depends on. A broken file is made again."""
    name = hashlib.sha256(json.dumps({"version": VERSION, **key}, sort_keys=True).encode()).hexdigest()
    file = cache_folder() / "encoded" / f"{name[:32]}.npz"
    if (found := _read(file)) is not None:
        return found
    with ExitStack() as stack:
        with suppress(OSError):  # a cache that cannot be written is no reason to fail
            file.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(
                claimed(file.with_suffix(".lock"), wait=lambda: None)
            )  # of several processes one tokenises
        found = _read(file)
        return _encoded(file, encode) if found is None else found


def _read(file: Path) -> Encoded | None:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return _from_arrays(dict(arrays))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _encoded(file: Path, encode: Callable[[], Encoded]) -> Encoded:
    encoded = encode()
    scratch = scratch_beside(file)
    try:
        with scratch.open("xb") as opened:
            np.savez(opened, allow_pickle=False, **_as_arrays(encoded))
        scratch.replace(file)
    except OSError:
        scratch.unlink(missing_ok=True)
    return encoded


def _as_arrays(encoded: Encoded) -> dict[str, NDArray[Any]]:
    ragged = {"ids": encoded.input_ids} | {f"about/{name}": rows for name, rows in encoded.about.items()}
    if encoded.token_type_ids is not None:
        ragged["types"] = encoded.token_type_ids
    arrays = {f"target/{name}": values for name, values in encoded.targets.items()}
    for name, rows in ragged.items():
        arrays[f"flat/{name}"] = np.concatenate(rows) if len(rows) else np.zeros(0, np.int32)
        arrays[f"lengths/{name}"] = np.array([len(row) for row in rows], np.int64)
    return arrays


def _from_arrays(arrays: Mapping[str, NDArray[Any]]) -> Encoded:
    ragged = {
        name.removeprefix("flat/"): np.split(flat, np.cumsum(arrays[f"lengths/{name.removeprefix('flat/')}"])[:-1])
        if len(arrays[f"lengths/{name.removeprefix('flat/')}"])
        else []
        for name, flat in arrays.items()
        if name.startswith("flat/")
    }
    return Encoded(
        ragged["ids"],
        ragged.get("types"),
        {name.removeprefix("target/"): values for name, values in arrays.items() if name.startswith("target/")},
        {name.removeprefix("about/"): rows for name, rows in ragged.items() if name.startswith("about/")},
    )
