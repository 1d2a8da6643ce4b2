"""From what a person types after ``--teacher`` to a folder with a configuration, an adapter and a tokenizer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoTokenizer, PretrainedConfig, PreTrainedTokenizerBase

from reldistill.errors import PluginError, UsageError, in_one_line
from reldistill.hub.models import VOCABULARY_FILES, fetch_config, fetch_model
from reldistill.local_path import local_path
from reldistill.registry import RESTRICTION, Provided, Registry, not_provided
from reldistill.teacher import TeacherAdapter, as_alias

__all__ = ["Teacher", "adapter_serving", "locate_config", "locate_teacher"]


@dataclass(frozen=True)
class Teacher:
    """A teacher that was found. ``label`` is short, for names and tables; ``folder`` holds at least configuration and
    tokenizer. Of a teacher of the Hub, ``hub_id``, the weights are fetched when :attr:`weights_folder` is asked for.
    """

    label: str
    folder: Path
    config: PretrainedConfig
    provided: Provided[TeacherAdapter]
    hub_id: str | None = None

    @property
    def adapter(self) -> TeacherAdapter:
        """The adapter of its family."""
        return self.provided.guarded("adapter")

    @property
    def layers(self) -> int:
        """How many layers it has."""
        return int(self.config.num_hidden_layers)

    @property
    def longest(self) -> int:
        """The longest sequence that it has positions for, in tokens."""
        return int(self.config.max_position_embeddings) - self.adapter.position_offset(self.config)

    @cached_property
    def weights_folder(self) -> Path:
        """The folder that holds the weights too; fetched from the Hub where they are not here yet."""
        return self.folder if self.hub_id is None else fetch_model(self.hub_id)

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The tokenizer as transformers builds it, which may differ from the tokenizer.json beside it."""
        try:
            tokenizer: Any = AutoTokenizer.from_pretrained(self.folder, local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, KeyError, ImportError, AttributeError) as error:
            raise UsageError(
                f"teacher {self.label}: its tokenizer cannot be read: {in_one_line(error)}",
                hint="The folder needs the tokenizer's files beside config.json (tokenizer.json, tokenizer_config.json).",
            ) from error
        if not any((self.folder / name).is_file() for name in VOCABULARY_FILES):
            # transformers would make an empty tokenizer of it, to which every word is unknown.
            raise UsageError(
                f"teacher {self.label}: {self.folder} has no tokenizer",
                hint=f"It needs one of {', '.join(VOCABULARY_FILES)} beside config.json.",
            )
        if not getattr(tokenizer, "is_fast", False):
            raise UsageError(
                f"teacher {self.label}: it has no fast tokenizer", hint="Convert it: a tokenizer.json is needed."
            )
        if getattr(tokenizer.backend_tokenizer, "encode_special_tokens", False):
            raise UsageError(
                f"teacher {self.label}: its tokenizer splits special tokens that stand in a text (split_special_tokens), "
                "which cannot be handed to the loader",
                hint='Set "split_special_tokens" to false in its tokenizer_config.json.',
            )
        if (largest := max(tokenizer.get_vocab().values(), default=0)) >= self.config.vocab_size:
            raise UsageError(
                f"teacher {self.label}: its tokenizer has ids up to {largest}, its embeddings only {self.config.vocab_size} rows",
                hint="Tokenizer and weights are not of the same model.",
            )
        checked: PreTrainedTokenizerBase = tokenizer
        return checked

    @cached_property
    def tokenizer_json(self) -> str:
        """The text of a tokenizer.json that gives transformers' ids."""
        backend: Any = self.tokenizer.backend_tokenizer
        return str(backend.to_str())

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the weights, the configuration and the tokenizer; reads each weight file once."""
        digest = hashlib.sha256(self.config.to_json_string().encode())
        digest.update(self.tokenizer_json.encode())
        for weights in sorted([*self.weights_folder.glob("*.safetensors"), *self.weights_folder.glob("*.bin")]):
            with weights.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()


def locate_teacher(name: str, registry: Registry) -> Teacher:
    """A local folder, an alias of an adapter, or an id on the Hub, in this order.

    Raises :class:`UsageError` where there is none, or none of a family that is known.
    """
    return _locate(name, registry, lambda hub_id: fetch_model(hub_id, weights=False))


def locate_config(name: str, registry: Registry) -> Teacher:
    """The same of a teacher that is only to be looked at: nothing but its config.json is needed, or fetched.

    Raises what :func:`locate_teacher` raises.
    """
    return _locate(name, registry, fetch_config)


def _locate(name: str, registry: Registry, fetch: Callable[[str], Path]) -> Teacher:
    path = local_path(name)
    if path.is_dir():
        return _open(path.resolve().name, path, registry, name)
    if path.exists() or name.startswith((".", "/", "~")):
        what = "is a file, not a folder" if path.exists() else "does not exist"
        raise UsageError(
            f"teacher {name} {what}",
            hint="A local teacher is a folder with config.json, tokenizer.json and *.safetensors.",
        )
    aliases: dict[str, str] = {}
    for provided in registry.teachers:  # the built-in ones come first and cannot be shadowed
        aliases = {**provided.thing.aliases, **aliases}
    typed = as_alias(name)
    hub_id = aliases.get(typed, name)
    if hub_id == name and "/" not in name:
        near = get_close_matches(typed, aliases, n=1, cutoff=0.75)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise not_provided(
            f"unknown teacher {name!r}: neither a local folder nor an alias",
            f"{hint}Aliases: {', '.join(sorted(aliases))}. Anything else: a folder, or an id on the Hub written owner/name.",
            registry.failures,
        )
    label = typed if typed in aliases else name.rpartition("/")[2]
    return _open(label, fetch(hub_id), registry, name, hub_id)


def _open(label: str, folder: Path, registry: Registry, name: str, hub_id: str | None = None) -> Teacher:
    if not (folder / "config.json").is_file():
        raise UsageError(
            f"teacher {name}: {folder} has no config.json",
            hint="A teacher's folder holds config.json, tokenizer.json and *.safetensors.",
        )
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # transformers raises one kind or another, some of them its own
        raise UsageError(f"teacher {name}: its config.json cannot be read: {in_one_line(error)}") from error
    if getattr(config, "is_decoder", False):
        raise UsageError(
            f"teacher {name} is a decoder (is_decoder in its config.json): its tokens see only those before them",
            hint="Teachers are encoders.",
        )
    return Teacher(label, folder, config, adapter_serving(config, f"teacher {name}", registry), hub_id)


def adapter_serving(config: Any, whose: str, registry: Registry) -> Provided[TeacherAdapter]:
    """The adapter of the family that a configuration is of; ``whose`` it is begins the message.

    Raises :class:`UsageError` where there is none, :class:`PluginError` where several plugins bring one.
    """
    serving = [provided for provided in registry.teachers if config.model_type in provided.thing.model_types]
    serving = [provided for provided in serving if provided.source.builtin] or serving
    if len(serving) > 1:
        raise PluginError(
            f"{config.model_type!r} models are served by {' and '.join(str(provided.source) for provided in serving)}",
            hint=f"{RESTRICTION}={serving[0].source.distribution} loads just one of them.",
        )
    if serving:
        return serving[0]
    families = ", ".join(f"{p.name} ({', '.join(sorted(p.thing.model_types))})" for p in registry.teachers)
    raise not_provided(
        f"{whose} is a {config.model_type!r} model, which no installed plugin can distil",
        f"Families: {families}. A plugin can add one: see the hook reldistill_teachers.",
        registry.failures,
    )
