"""A model of the Hub as a local folder: configuration, tokenizer and one set of weights, nothing else.

Model repositories often hold the same weights several times (PyTorch, TensorFlow, Flax, ONNX). What is fetched:
``config.json``, the tokenizer's files, and ``model.safetensors`` (or its shards and their index); only where a repository
has no safetensors, ``pytorch_model.bin`` in the same way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import NoReturn

from reldistill.errors import UsageError, in_one_line
from reldistill.hub.connection import PATIENCE_SECONDS, HubUnreachable, ask, refusal, transport_errors

__all__ = ["fetch_config", "fetch_model"]

CONFIG_FILE = "config.json"
# A vocabulary from which transformers can make a fast tokenizer, complete in itself …
VOCABULARY_FILES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "sentencepiece.bpe.model",
    "spiece.model",
    "spm.model",
    "tokenizer.model",
)
# … and what may stand beside it.
TOKENIZER_FILES = (
    *VOCABULARY_FILES,
    "merges.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
LAYOUT = (
    "A teacher is a repository in transformers' layout: config.json, a tokenizer, and PyTorch weights "
    "(*.safetensors or pytorch_model*.bin)."
)
WEIGHT_FORMATS = (("model", ".safetensors"), ("pytorch_model", ".bin"))  # in order of preference


def fetch_model(repo_id: str, *, revision: str | None = None, weights: bool = True) -> Path:
    """Return a folder that holds a model repository's configuration, tokenizer and, unless told otherwise, weights.

    The folder lies in the Hub's cache (``HF_HOME``) and is not to be written to. Files that are there already are not
    fetched again. Without a connection (also with ``HF_HUB_OFFLINE=1``) a complete copy in the cache is returned.

    Args:
        repo_id: ``owner/name``.
        revision: a branch, tag or full commit hash; None is the main branch.
        weights: False leaves the weights where they are: what a plan or a tokenizer needs is a few megabytes.

    Raises:
        UsageError: no such repository or revision, no permission, not a model that this project can read, the Hub out
            of reach and the cache without a complete copy, or a download that broke off.
        OSError: the local file system's own errors, such as a full disk.
    """
    from huggingface_hub import snapshot_download

    try:
        files = _listing(repo_id, revision)
    except HubUnreachable as reason:
        return _cached_model(repo_id, revision, reason, weights=weights)
    missing = _missing_parts(files)
    if missing:
        raise UsageError(
            f"the model '{repo_id}' has no {' and no '.join(missing)}",
            hint=LAYOUT,
        )
    wanted = [
        CONFIG_FILE,
        *(name for name in TOKENIZER_FILES if name in files),
        *(_weight_files(files) if weights else ()),
    ]
    try:
        # By the given revision, not info.sha: only so the cache learns what "main" is, for later offline use.
        return Path(snapshot_download(repo_id, revision=revision, allow_patterns=wanted))
    except (OSError, transport_errors()) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the local file system: disk full, no permission
        _raise_refusal(error, repo_id, revision)


def fetch_config(repo_id: str, *, revision: str | None = None) -> Path:
    """Return a folder that holds a model repository's ``config.json``; nothing else is fetched.

    As :func:`fetch_model` otherwise: without a connection the cache's copy is returned.

    Raises:
        UsageError: no such repository or revision, no permission, no config.json in it, the Hub out of reach and the
            cache without a copy, or a download that broke off.
        OSError: the local file system's own errors.
    """
    from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache

    try:
        files = _listing(repo_id, revision)
    except HubUnreachable as reason:
        cached = try_to_load_from_cache(repo_id, CONFIG_FILE, revision=revision)
        if isinstance(cached, str):
            return Path(cached).parent
        raise UsageError(
            f"cannot fetch the configuration of '{repo_id}'{_at(revision)}: the Hugging Face Hub is out of reach "
            f"({reason}), and the local cache ({constants.HF_HUB_CACHE}) does not hold it",
            hint="To go on offline, pass a local folder that holds the model's config.json.",
        ) from reason
    if CONFIG_FILE not in files:
        raise UsageError(f"the model '{repo_id}' has no {CONFIG_FILE}", hint=LAYOUT)
    try:
        return Path(hf_hub_download(repo_id, CONFIG_FILE, revision=revision)).parent
    except (OSError, transport_errors()) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        _raise_refusal(error, repo_id, revision)


def _listing(repo_id: str, revision: str | None) -> list[str]:
    """The names of a repository's files. Raises :class:`HubUnreachable`, or :class:`UsageError` where it is refused."""
    from huggingface_hub import HfApi

    try:
        info = ask(lambda: HfApi().model_info(repo_id, revision=revision, timeout=PATIENCE_SECONDS))
    except transport_errors() as error:
        _raise_refusal(error, repo_id, revision)
    except ValueError as error:  # HFValidationError
        raise UsageError(f"'{repo_id}' is neither a folder nor the name of a model on the Hub: {error}") from error
    return [sibling.rfilename for sibling in info.siblings or ()]


def _weight_files(files: Collection[str]) -> list[str]:
    """The files of one set of weights among a repository's ``files``; empty if there is none."""
    for stem, suffix in WEIGHT_FORMATS:
        if f"{stem}{suffix}" in files:
            return [f"{stem}{suffix}"]
        index = f"{stem}{suffix}.index.json"
        shards = sorted(name for name in files if re.fullmatch(rf"{stem}-\d+-of-\d+{re.escape(suffix)}", name))
        if index in files and shards:
            return [index, *shards]
    return []


def _missing_parts(files: Collection[str], *, weights: bool = True) -> list[str]:
    """What a model folder with these ``files`` lacks, in words; ``weights`` may be left out."""
    missing = []
    if CONFIG_FILE not in files:
        missing.append(CONFIG_FILE)
    if not any(name in files for name in VOCABULARY_FILES):
        missing.append("tokenizer (tokenizer.json, vocab.txt, …)")
    if weights and not _weight_files(files):
        missing.append("weights (model.safetensors or pytorch_model.bin)")
    return missing


def _files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file()}  # is_file: a link to a deleted blob is not one


def _missing_in_folder(folder: Path) -> list[str]:
    """As :func:`_missing_parts`, of a folder on the disk; also each shard that the index names and that is not there."""
    files = _files(folder)
    missing = _missing_parts(files)
    for index in (name for name in _weight_files(files) if name.endswith(".index.json")):
        shards = set(json.loads((folder / index).read_text(encoding="utf-8"))["weight_map"].values())
        missing.extend(sorted(shards - files))
    return missing


def _cached_model(repo_id: str, revision: str | None, reason: HubUnreachable, *, weights: bool) -> Path:
    """The cache's copy, if it is complete; without ``weights`` these may be missing.

    Raises:
        UsageError: there is none, or only a part of one.
    """
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    missing: list[str] | None
    try:
        # With these patterns the client compares with the listing that it remembers, and raises if a file is missing.
        names = [CONFIG_FILE, *TOKENIZER_FILES]
        folder = Path(snapshot_download(repo_id, revision=revision, local_files_only=True, allow_patterns=names))
        # A folder that held a configuration alone (fetch_config) is no complete copy either.
        missing = _missing_in_folder(folder) if weights else _missing_parts(_files(folder), weights=False)
    except LocalEntryNotFoundError as error:
        partial = getattr(error, "snapshot_path", None)  # IncompleteSnapshotError of huggingface_hub 2
        missing = ["configuration or tokenizer files", *_missing_in_folder(Path(partial))] if partial else None
    if missing == []:
        return folder
    cache = constants.HF_HUB_CACHE
    if missing is None:
        state = f"the local cache ({cache}) does not hold it"
    else:
        state = f"the local cache ({cache}) holds only a part of it; missing: {', '.join(missing)}"
    raise UsageError(
        f"cannot fetch the model '{repo_id}'{_at(revision)}: the Hugging Face Hub is out of reach ({reason}), and {state}",
        hint=_offline_hint(repo_id, revision),
    ) from reason


def _at(revision: str | None) -> str:
    return f" at revision '{revision}'" if revision else ""


def _offline_hint(repo_id: str, revision: str | None) -> str:
    at = f" --revision {revision}" if revision else ""
    return (
        "To go on offline, pass a local folder that holds config.json, tokenizer.json and *.safetensors as --teacher, "
        "and text with --data PATH.\n"
        f"On a machine with access, `hf download {repo_id}{at} --local-dir DIR` makes such a folder; copy it over."
    )


def _raise_refusal(error: Exception, repo_id: str, revision: str | None) -> NoReturn:
    """Turn an error of the Hub's client into one message."""
    refused = refusal(error, "model", repo_id, revision)
    if refused is not None:
        message, hint = refused
        raise UsageError(message, hint=hint) from error
    raise UsageError(
        f"the download of the model '{repo_id}' broke off: {in_one_line(error)}",
        hint="Start the same command again: it goes on with the files that are still missing.\n"
        + _offline_hint(repo_id, revision),
    ) from error
