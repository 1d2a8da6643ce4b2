"""The encoder that is evaluated: the last student, a folder, an alias, or an id on the Hub."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reldistill.errors import UsageError, in_one_line
from reldistill.hub.models import VOCABULARY_FILES, fetch_model
from reldistill.local_path import local_path
from reldistill.run_files import LATEST, PROVENANCE, STUDENT

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from reldistill.registry import Registry

__all__ = ["EvaluatedEncoder", "locate_encoder"]

LONGEST_NAME = 40


@dataclass(frozen=True)
class EvaluatedEncoder:
    """A checkpoint in transformers' layout. ``name`` is short; ``teacher``: that it was distilled from, where it is known."""

    folder: Path
    name: str
    teacher: str | None = None

    @cached_property
    def config(self) -> Any:
        """Its configuration. Raises :class:`UsageError` where transformers cannot read it."""
        from transformers import AutoConfig

        try:
            return AutoConfig.from_pretrained(self.folder, local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, KeyError) as error:
            raise UsageError(
                f"--model {self.folder}: no model that transformers loads: {in_one_line(error)}"
            ) from error

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """Its fast tokenizer. Raises :class:`UsageError` where there is none."""
        from transformers import AutoTokenizer

        try:
            tokenizer: Any = AutoTokenizer.from_pretrained(self.folder, local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, KeyError, ImportError, AttributeError) as error:
            raise UsageError(f"--model {self.folder}: its tokenizer cannot be read: {in_one_line(error)}") from error
        if not getattr(tokenizer, "is_fast", False) or not any((self.folder / f).is_file() for f in VOCABULARY_FILES):
            raise UsageError(
                f"--model {self.folder}: it has no fast tokenizer",
                hint=f"It needs one of {', '.join(VOCABULARY_FILES)} beside config.json.",
            )
        found: PreTrainedTokenizerBase = tokenizer
        return found

    @cached_property
    def sha256(self) -> str:
        """Of configuration and weights."""
        digest = hashlib.sha256()
        for file in sorted(
            [self.folder / "config.json", *self.folder.glob("*.safetensors"), *self.folder.glob("*.bin")]
        ):
            with file.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
        return digest.hexdigest()

    @cached_property
    def tokenizer_sha256(self) -> str:
        """Of the tokenizer as it is used."""
        backend: Any = getattr(self.tokenizer, "backend_tokenizer")  # noqa: B009 - not in the base's type
        tokenizer: Any = self.tokenizer
        beside = [tokenizer.model_input_names, tokenizer.truncation_side]
        return hashlib.sha256((backend.to_str() + json.dumps(beside)).encode()).hexdigest()

    @cached_property
    def parameters(self) -> int:
        """How many numbers the encoder has, embeddings among them, without pooler and head."""
        import torch
        from transformers import AutoModel

        with torch.device("meta"):
            model = AutoModel.from_config(self.config)
        return sum(p.numel() for name, p in model.named_parameters() if not name.startswith("pooler."))

    def describe(self) -> dict[str, Any]:
        """Plain values, for the result."""
        return {
            "path": str(self.folder), "name": self.name, "teacher": self.teacher, "model_type": self.config.model_type,
            "layers": getattr(self.config, "num_hidden_layers", None), "hidden_size": getattr(self.config, "hidden_size", None),
            "parameters": self.parameters, "sha256": self.sha256,
        }  # fmt: skip


def locate_encoder(name: str | None, registry: Registry) -> EvaluatedEncoder:
    """The model of this name; None is the student of the last distillation.

    Raises :class:`UsageError` where there is none.
    """
    if name is None:
        folder = LATEST / STUDENT
        if not folder.is_dir():
            raise UsageError(
                f"no --model given, and {LATEST} leads to no student",
                hint="Distil one (`minictl distill …`) here first, or pass --model with a folder or an id on the Hub.",
            )
        return _local(folder.resolve())
    path = local_path(name)
    if path.is_dir():
        return _local(path / STUDENT if (path / STUDENT).is_dir() else path)
    if path.exists() or name.startswith((".", "/", "~")):
        raise UsageError(f"--model {name}: no such folder", hint="Give a folder that holds config.json and weights.")
    aliases = {alias: hub for provided in registry.teachers for alias, hub in provided.thing.aliases.items()}
    hub_id = aliases.get(name.lower(), name)
    return EvaluatedEncoder(fetch_model(hub_id), name.rpartition("/")[2])


def _local(folder: Path) -> EvaluatedEncoder:
    if not (folder / "config.json").is_file():
        raise UsageError(f"--model {folder}: it has no config.json", hint="Give a folder that transformers loads.")
    name, teacher = folder.name, None
    try:
        plan = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))["plan"]
        name, teacher = str(plan["student"]), str(plan["teacher"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not a student of ours, or of another version
    return EvaluatedEncoder(folder, name[:LONGEST_NAME], teacher)
