"""Making a student and writing it as a folder that transformers loads."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from reldistill.checkpoint.durable import (
    remove_leftovers,
    safetensors_errors_as_os_errors,
    scratch_beside,
    sync_folder,
    sync_tree,
)
from reldistill.encoder.load import model_class
from reldistill.encoder.quiet import quiet_transformers

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["NewStudent", "new_student", "write_student"]


@dataclass(frozen=True)
class NewStudent:
    """A student before its first step. ``random``: the names of the parameters that are nobody's but chance's."""

    model: PreTrainedModel
    random: tuple[str, ...]

    @classmethod
    def at_random(cls, config: PretrainedConfig, seed: int) -> NewStudent:
        """All of it random; as :func:`new_student`."""
        model = new_student(config, seed)
        return cls(model, tuple(name for name, _ in model.named_parameters()))


def new_student(config: PretrainedConfig, seed: int) -> PreTrainedModel:
    """A student with random weights, the same for the same seed. Leaves torch's generator seeded."""
    torch.manual_seed(seed)
    model: PreTrainedModel = model_class(config)(config).float()
    return model


def write_student(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Mapping[str, str], folder: Path
) -> None:
    """Model, tokenizer and ``texts``, file name -> content.

    The folder appears under its name when all of it is on the disk.
    """
    remove_leftovers(folder.parent, folder.name)
    scratch = scratch_beside(folder)
    try:
        with quiet_transformers(), safetensors_errors_as_os_errors(folder):
            model.save_pretrained(scratch)
        for weights in scratch.glob("*.safetensors"):
            weights.chmod(0o666 & ~_umask())  # written through a private temporary file; readable like the others
        tokenizer.save_pretrained(scratch)
        for name, text in texts.items():
            (scratch / name).write_text(text, encoding="utf-8")
        sync_tree(scratch)
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    sync_folder(folder.parent)


def _umask() -> int:
    current = os.umask(0o077)
    os.umask(current)
    return current
