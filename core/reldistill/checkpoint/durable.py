"""Files and folders that survive a power cut: what stands under its final name is whole and on the disk."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

__all__ = [
    "TEMPORARY",
    "remove_leftovers",
    "replace_durably",
    "safetensors_errors_as_os_errors",
    "scratch_beside",
    "sync_folder",
    "sync_tree",
]

TEMPORARY = ".tmp-"
"""In the name of what is being written; what bears it after a crash is a leftover."""


def scratch_beside(path: Path) -> Path:
    """A name for the time of writing, in the same folder, so that a rename brings it to its place at once."""
    return path.with_name(f"{path.name}{TEMPORARY}{secrets.token_hex(4)}")


def replace_durably(path: Path, content: bytes) -> None:
    """Write a file so that its name leads to the old content or to the new one, never to a part.

    Raises OSError; nothing is left of the new content then.
    """
    scratch = scratch_beside(path)
    try:
        with scratch.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk: a file's own fsync does not, nor does a rename."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Bring all files and names below a folder to the disk."""
    for parent, _, files in os.walk(folder, topdown=False):
        for name in files:
            with open(Path(parent) / name, "rb") as file:
                os.fsync(file.fileno())
        sync_folder(Path(parent))


def remove_leftovers(folder: Path, name: str = "") -> None:
    """Remove what a killed process was writing in ``folder``, of things whose final name begins with ``name``."""
    for leftover in folder.glob(f"{name}*{TEMPORARY}*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


@contextmanager
def safetensors_errors_as_os_errors(place: Path) -> Iterator[None]:
    """A full disk is an OSError, also where safetensors, which has errors of its own for it, was writing."""
    try:
        yield
    except SafetensorError as error:
        if number := re.search(r"os error (\d+)", str(error)):
            raise OSError(int(number[1]), os.strerror(int(number[1])), str(place)) from error
        raise
