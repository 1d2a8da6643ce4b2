"""An open corpus of the teacher's tokens: one that is there, or one made of text and kept in the cache."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from reldistill.cache import cache_folder
from reldistill.distillation.text_source import TextSource, file_state
from reldistill.errors import DataError, UsageError
from reldistill_loader import Corpus, Mixture, tokenize, tokenize_documents

if TYPE_CHECKING:
    from reldistill.distillation.locate import Teacher
    from reldistill.distillation.plan import Plan
    from reldistill.distillation.reporter import Reporter
    from reldistill_loader import Progress

__all__ = ["corpus_of", "open_corpus"]


def corpus_of(
    plan: Plan,
    source: TextSource,
    reporter: Reporter,
    *,
    mixing: float | tuple[float, ...] = 1.0,
    at_most: int | None = None,
    folder: Path | None = None,
) -> Corpus | Mixture:
    """The corpus that a run of this plan reads; as :func:`open_corpus`, but one without text is refused too.

    Of the Hub no more is taken than the run can use; local text is taken whole.
    """
    config = plan.config
    if source.hub is not None and at_most is None:
        at_most = plan.steps * config.batch_size
    corpus = open_corpus(
        source, plan.teacher, max_length=config.max_length, text_column=config.text_column, seed=config.seed,
        at_most=at_most, reporter=reporter, folder=folder, mixing=mixing,
    )  # fmt: skip
    if len(corpus) == 0:
        raise DataError(f"{source} holds no text", hint="Every document in it is empty.")
    return corpus


def open_corpus(
    source: TextSource,
    teacher: Teacher,
    *,
    max_length: int,
    text_column: str,
    seed: int,
    at_most: int | None,
    reporter: Reporter,
    mixing: float | tuple[float, ...] = 1.0,
    folder: Path | None = None,
) -> Corpus | Mixture:
    """Open the corpus, or make it of the text: in ``folder``, by default in the cache, where it is found again.

    Several corpora are mixed: ``mixing`` is the exponent of their sizes, or their weights. ``at_most`` bounds the
    sequences that are made of text. Raises :class:`DataError` for a corpus of another tokenizer or with longer sequences,
    :class:`UsageError` for weights that are not one for each corpus, and what the loader raises for broken text.
    """
    if source.corpora:
        corpora = [Corpus.open(path) for path in source.corpora]
        for corpus in corpora:
            _check_fits(corpus, corpus.path, teacher, max_length)
        return _mixed(corpora, mixing)
    if folder is None:
        folder = cache_folder() / "corpora" / _key(source, teacher, max_length, text_column, seed, at_most)
    if (folder / "manifest.json").is_file():
        return Corpus.open(folder)

    # The loader locks the folder, goes on with an interrupted build, and writes the manifest when all is whole.
    folder.parent.mkdir(parents=True, exist_ok=True)
    name = str(source)

    def progress(state: Progress) -> None:
        reporter.tokenising(name, state)

    text = source.pinned()
    documents = text.stream(seed=seed)
    if documents is not None:
        tokenize_documents(
            documents,
            teacher.tokenizer_json,
            folder,
            source=source.names,
            max_length=max_length,
            max_sequences=at_most,
            resume_key=text.resume_key(seed=seed),
            progress=progress,
        )
    else:
        tokenize(
            source.files,
            teacher.tokenizer_json,
            folder,
            max_length=max_length,
            text_column=text_column,
            max_sequences=at_most,
            progress=progress,
        )
    reporter.tokenised(name)
    return Corpus.open(folder)


def _mixed(corpora: list[Corpus], mixing: float | tuple[float, ...]) -> Corpus | Mixture:
    if isinstance(mixing, tuple) and len(mixing) != len(corpora):
        raise UsageError(
            f"--mixing has {len(mixing)} weights for {len(corpora)} corpora",
            hint="Give one for each --data, in their order, or one exponent from 0 to 1.",
        )
    if len(corpora) == 1:
        return corpora[0]
    return Mixture(corpora, weights=mixing) if isinstance(mixing, tuple) else Mixture(corpora, exponent=mixing)


def _check_fits(corpus: Corpus, path: Path, teacher: Teacher, max_length: int) -> None:
    wanted = hashlib.sha256(teacher.tokenizer_json.encode()).hexdigest()
    if corpus.manifest.tokenizer_sha256 != wanted:
        raise DataError(
            f"corpus {path} was made with another tokenizer than that of {teacher.label}",
            hint=f"Make it anew: minictl data build --teacher {teacher.label} TEXT… --output DIR",
        )
    longest = corpus.manifest.max_length
    if longest > max_length:
        either = f"Pass --max-length {longest}, or make" if longest <= teacher.longest else "Make"
        raise DataError(
            f"corpus {path} has sequences of up to {longest} tokens, --max-length is {max_length}",
            hint=f"{either} the corpus anew with --max-length {max_length}.",
        )


def _key(
    source: TextSource, teacher: Teacher, max_length: int, text_column: str, seed: int, at_most: int | None
) -> str:
    """Names the corpus by what it is made of: text (by path, size and time of change), tokenizer and options."""
    tokenizer = hashlib.sha256(teacher.tokenizer_json.encode()).hexdigest()
    recipe: list[object] = [tokenizer, max_length, text_column, at_most]
    if source.hub is not None:
        recipe += [repr(source.hub), seed]
    recipe += [file_state(file) for file in source.local_files()]
    return hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:16]
