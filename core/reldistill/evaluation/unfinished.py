"""A fine-tuning that is not finished, in a file: the same command goes on behind its last step."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from reldistill.checkpoint.durable import remove_leftovers, scratch_beside, sync_folder

__all__ = ["SAVE_INTERVAL", "Unfinished"]

SAVE_INTERVAL = 900.0
"""Seconds of training that a process that is killed may lose."""


class Unfinished:
    """``file`` holds tensors, numbers and names alone, and is read as such."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._saved_at = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether it is time to save again."""
        return time.monotonic() - self._saved_at >= SAVE_INTERVAL

    def read(self) -> dict[str, Any] | None:
        """None where nothing was saved, or what was is broken: then the fine-tuning begins anew."""
        try:
            found: dict[str, Any] = torch.load(self.file, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, ValueError, EOFError, UnpicklingError):
            return None
        return found if isinstance(found, dict) else None

    def write(self, state: Mapping[str, Any]) -> None:
        """It appears whole. Raises OSError; what was saved before stays then."""
        self._saved_at = time.monotonic()
        scratch = scratch_beside(self.file)
        try:
            with scratch.open("xb") as file:
                torch.save(dict(state), file)
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(self.file)
        except RuntimeError as error:  # torch's word for a disk that is full
            raise OSError(str(error)) from error
        finally:
            scratch.unlink(missing_ok=True)
        sync_folder(self.file.parent)

    def remove(self) -> None:
        """The fine-tuning is finished."""
        self.file.unlink(missing_ok=True)
        remove_leftovers(self.file.parent, self.file.name)
