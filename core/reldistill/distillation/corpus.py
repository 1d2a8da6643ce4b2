"""From what a person gives as ``--data`` to an open corpus of the teacher's tokens."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from reldistill.errors import DataError
from reldistill.hub.text import HubText, default_text, parse_hub_text, stream_documents
from reldistill.local_path import local_path
from reldistill_loader import Corpus, tokenize, tokenize_documents

if TYPE_CHECKING:
    from reldistill.distillation.locate import Teacher
    from reldistill.distillation.reporter import Reporter

__all__ = ["TextSource", "cache_folder", "open_corpus", "text_source"]


@dataclass(frozen=True)
class TextSource:
    """What ``--data`` names: a corpus that exists, local text, or text on the Hub. Just one is set."""

    corpus: Path | None = None
    files: tuple[str, ...] = ()
    hub: HubText | None = None

    def __str__(self) -> str:
        return str(self.corpus or self.hub or ", ".join(self.files))


def text_source(specs: Sequence[str], family: str, text_column: str) -> TextSource:
    """Tell the three kinds apart; without a ``spec`` the default text of the family, from the Hub.

    Raises :class:`DataError` where a path does not exist or kinds are mixed.
    """
    if not specs:
        return TextSource(hub=default_text(family))
    local = [spec for spec in specs if _is_local(spec)]
    if not local:
        if len(specs) > 1:
            raise DataError(
                "more than one data set of the Hub", hint="Give one; several of its configurations are joined by +."
            )
        source = parse_hub_text(specs[0])
        return TextSource(hub=replace(source, text_column=text_column))
    if len(local) < len(specs):
        missing = next(spec for spec in specs if spec not in local)
        raise DataError(
            f"--data {missing}: no such file or folder",
            hint="Local text and data sets of the Hub cannot be mixed in one run.",
        )
    corpora = [spec for spec in specs if (local_path(spec) / "manifest.json").is_file()]
    if corpora and len(specs) > 1:
        raise DataError(
            f"--data {corpora[0]} is a corpus and cannot be joined with other data",
            hint="Give one corpus, or any number of text files that are made into one.",
        )
    if corpora:
        return TextSource(corpus=local_path(corpora[0]))
    return TextSource(files=tuple(str(local_path(spec)) for spec in specs))


def open_corpus(
    source: TextSource, teacher: Teacher, *, max_length: int, text_column: str, seed: int, at_most: int | None, reporter: Reporter,
    folder: Path | None = None,
) -> Corpus:  # fmt: skip
    """Open the corpus, or make it of the text: in ``folder``, by default in the cache, where it is found again.

    ``at_most`` bounds the sequences that are made of text. Raises :class:`DataError` for a corpus of another tokenizer
    or with longer sequences, and what the loader raises for broken text.
    """
    if source.corpus is not None:
        corpus = Corpus.open(source.corpus)
        _check_fits(corpus, source.corpus, teacher, max_length)
        return corpus
    if folder is None:
        folder = cache_folder() / "corpora" / _key(source, teacher, max_length, text_column, seed, at_most)
    if not (folder / "manifest.json").is_file():
        _build(
            source,
            teacher,
            folder,
            max_length=max_length,
            text_column=text_column,
            seed=seed,
            at_most=at_most,
            reporter=reporter,
        )
    return Corpus.open(folder)


def cache_folder() -> Path:
    """``$RELDISTILL_CACHE``, else ``$XDG_CACHE_HOME/reldistill``, else ``~/.cache/reldistill``."""
    if own := os.environ.get("RELDISTILL_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reldistill"


def _build(
    source: TextSource, teacher: Teacher, folder: Path, *, max_length: int, text_column: str, seed: int, at_most: int | None,
    reporter: Reporter,
) -> None:  # fmt: skip
    # Built beside its place and moved when whole, so that two runs that need it do not meet in one folder.
    scratch = folder.with_name(f"{folder.name}.tmp-{os.getpid()}")
    scratch.parent.mkdir(parents=True, exist_ok=True)
    name = str(source)
    try:
        if source.hub is not None:
            tokenize_documents(
                stream_documents(source.hub, seed=seed), teacher.tokenizer_json, scratch, source=name, max_length=max_length,
                max_sequences=at_most, progress=lambda progress: reporter.tokenising(name, progress),
            )  # fmt: skip
        else:
            tokenize(
                source.files, teacher.tokenizer_json, scratch, max_length=max_length, text_column=text_column,
                max_sequences=at_most, progress=lambda progress: reporter.tokenising(name, progress),
            )  # fmt: skip
        if folder.exists() and not (folder / "manifest.json").is_file():
            shutil.rmtree(folder)
        try:
            scratch.rename(folder)
        except OSError:
            if not (folder / "manifest.json").is_file():  # else another run was faster, with the same bytes
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        reporter.tokenised(name)


def _check_fits(corpus: Corpus, path: Path, teacher: Teacher, max_length: int) -> None:
    wanted = hashlib.sha256(teacher.tokenizer_json.encode()).hexdigest()
    if corpus.manifest.tokenizer_sha256 != wanted:
        raise DataError(
            f"corpus {path} was made with another tokenizer than that of {teacher.label}",
            hint=f"Make it anew: minictl data build --teacher {teacher.label} TEXT… --output DIR",
        )
    if corpus.manifest.max_length > max_length:
        raise DataError(
            f"corpus {path} has sequences of up to {corpus.manifest.max_length} tokens, --max-length is {max_length}",
            hint=f"Pass --max-length {corpus.manifest.max_length}, or make the corpus anew with --max-length {max_length}.",
        )


def _key(
    source: TextSource, teacher: Teacher, max_length: int, text_column: str, seed: int, at_most: int | None
) -> str:
    """Names the corpus by what it is made of: text (by path, size and time of change), tokenizer and options."""
    recipe: list[object] = [
        hashlib.sha256(teacher.tokenizer_json.encode()).hexdigest(),
        max_length,
        text_column,
        at_most,
    ]
    if source.hub is not None:
        recipe += [repr(source.hub), seed]
    for file in _files(source.files):
        status = os.stat(file)
        recipe.append([os.path.abspath(file), status.st_size, status.st_mtime_ns])
    return hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:16]


def _files(specs: Sequence[str]) -> list[str]:
    found: list[str] = []
    for spec in specs:
        for match in sorted(glob.glob(spec, recursive=True)) or [spec]:
            found += sorted(str(p) for p in Path(match).rglob("*") if p.is_file()) if os.path.isdir(match) else [match]
    return found


def _is_local(spec: str) -> bool:
    path = local_path(spec)
    looks_local = spec.startswith((".", "/", "~")) or spec.endswith((".txt", ".jsonl")) or any(c in spec for c in "*?[")
    if path.exists() or glob.glob(str(path), recursive=True):
        return True
    if looks_local or "/" not in spec:
        raise DataError(
            f"--data {spec}: no such file or folder",
            hint="Give .txt or .jsonl files, folders or globs of them, a corpus of `minictl data build`, or owner/name on the Hub.",
        )
    return False
