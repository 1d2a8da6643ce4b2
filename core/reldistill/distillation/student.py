"""Making a student and writing it as a folder that transformers loads."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
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
from reldistill.encoder.load import model_class, read_weights
from reldistill.encoder.quiet import quiet_transformers
from reldistill.errors import UsageError

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

    from reldistill.distillation.locate import Teacher

__all__ = ["check_truncation", "new_student", "truncated_student", "write_student"]


def new_student(config: PretrainedConfig, seed: int) -> PreTrainedModel:
    """A student with random weights, the same for the same seed. Leaves torch's generator seeded."""
    torch.manual_seed(seed)
    model: PreTrainedModel = model_class(config)(config).float()
    return model


def truncated_student(teacher: Teacher, config: PretrainedConfig) -> PreTrainedModel:
    """A student made of the teacher's embeddings and first layers; all sizes but the depth must be the teacher's.

    Raises what :func:`check_truncation` raises.
    """
    check_truncation(teacher, config)
    # Checkpoints of the Hub often come without a pooler; then it is new, as in any student.
    return read_weights(model_class(config), teacher.weights_folder, config, dtype=torch.float32, may_lack="pooler.")


def check_truncation(teacher: Teacher, config: PretrainedConfig) -> None:
    """Raise :class:`UsageError` unless a student of this configuration can be made of the teacher's first layers."""
    for field in ("hidden_size", "intermediate_size", "num_attention_heads"):
        theirs, ours = getattr(teacher.config, field), getattr(config, field)
        if theirs != ours:
            raise UsageError(
                f"--init truncate: the student's {field} is {ours}, the teacher's {theirs}",
                hint="A truncated student keeps the teacher's sizes: set --student, --student-heads and --student-ffn to "
                "them, or start from random weights.",
            )
    if config.num_hidden_layers > teacher.layers:
        raise UsageError(f"--init truncate: the teacher has {teacher.layers} layers, not {config.num_hidden_layers}")


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
