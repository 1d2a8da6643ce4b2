"""The checkpoints of one run: ``step-00001000/`` and so on, saved, verified, found again and pruned."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from reldistill.checkpoint.durable import remove_leftovers, scratch_beside, sync_folder, sync_tree
from reldistill.checkpoint.manifest import verify, write_manifest
from reldistill.errors import CheckpointError

__all__ = ["CheckpointFolder", "step_of"]

_NAME = re.compile(r"step-(\d{8,})")


class CheckpointFolder:
    """Saves and finds checkpoints in ``path``, a folder that is made when it is needed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def all(self) -> list[Path]:
        """Those that bear their final name, newest first."""
        if not self.path.is_dir():
            return []
        found = [path for path in self.path.iterdir() if _NAME.fullmatch(path.name)]
        return sorted(found, key=step_of, reverse=True)

    def save(self, step: int, write: Callable[[Path], None], about: Mapping[str, Any]) -> Path:
        """Have ``write`` fill a folder, and give it its name when all of it is on the disk and was read back.

        One of the same step is replaced. ``about`` are plain values for its manifest.
        Raises OSError, or what ``write`` raises; nothing is left of this checkpoint then, and the others stay.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        remove_leftovers(self.path)
        folder = self.path / f"step-{step:08d}"
        scratch = scratch_beside(folder)
        try:
            scratch.mkdir()
            write(scratch)
            write_manifest(scratch, about)  # what is in memory, before the disk has it
            sync_tree(scratch)
            verify(scratch)
            if folder.exists():
                folder.rename(scratch_beside(folder))
            scratch.rename(folder)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        sync_folder(self.path)
        remove_leftovers(self.path)
        return folder

    def newest_whole(self, announce: Callable[[str], None]) -> tuple[Path, dict[str, Any]] | None:
        """The newest one in which every byte is as it was written, and its manifest; None where there is none at all.

        ``announce`` is told of each that is passed over.

        Raises:
            CheckpointError: there are some, and none is whole.
        """
        damaged = []
        for path in self.all():
            try:
                return path, verify(path)
            except CheckpointError as error:
                damaged.append(error.message)
                announce(f"the checkpoint {path.name} is passed over: {error.message}")
        if damaged:
            raise CheckpointError(
                f"no checkpoint in {self.path} is whole: {damaged[0]}",
                hint="--resume never removes them and starts again; look at the disk first.",
            )
        return None

    def tidy(self) -> None:
        """Remove what a killed process was writing or removing."""
        if self.path.is_dir():
            remove_leftovers(self.path)

    def prune(self, keep: int) -> None:
        """Remove all but the newest ``keep``."""
        for path in self.all()[keep:]:
            _remove(path)

    def remove_after(self, step: int) -> None:
        """Remove those that lie behind ``step``."""
        for path in self.all():
            if step_of(path) > step:
                _remove(path)


def step_of(path: Path) -> int:
    """The step in a checkpoint's name."""
    match = _NAME.fullmatch(path.name)
    assert match is not None, f"{path.name} is no checkpoint's name"
    return int(match[1])


def _remove(path: Path) -> None:
    """Under another name first, so that half of it is never taken for a checkpoint."""
    doomed = scratch_beside(path)
    path.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)
