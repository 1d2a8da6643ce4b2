"""``minictl data inspect``: what a corpus holds."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reldistill.errors import DataError, UsageError
from reldistill_cli.output import print_json

if TYPE_CHECKING:
    from reldistill_loader import Corpus, CorpusSummary

BAR = 40


def inspect(
    corpus: Annotated[Path, typer.Argument(help="Folder of a corpus.")],
    teacher: Annotated[str | None, typer.Option(help="Decode samples with this teacher's tokenizer.")] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Decode samples with this tokenizer.json.")
    ] = None,
    samples: Annotated[int, typer.Option(min=0, help="Sequences to show.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Show counts, lengths, the padding that each layout of a batch costs, and samples of a corpus.

    Example: minictl data inspect corpus --teacher bert-base
    """
    if teacher is not None and tokenizer is not None:
        raise UsageError("both --teacher and --tokenizer are given", hint="One of them decodes the samples.")
    from reldistill_loader import Corpus, summarize

    opened = Corpus.open(corpus)
    summary = summarize(opened)
    shown = _samples(opened, corpus, _tokenizer(teacher, tokenizer), samples)
    if as_json:
        manifest = asdict(opened.manifest) | {"special_ids": dict(opened.manifest.special_ids)}
        print_json({"corpus": str(corpus), "manifest": manifest, "summary": asdict(summary), "samples": shown})
        return
    _print(opened, corpus, summary)
    for sample in shown:
        typer.echo(f"\nsequence {sample['index']}: {sample.get('text', sample['ids'])}")
    if shown and "text" not in shown[0]:
        typer.echo("\nWith --teacher or --tokenizer the samples are shown as text.")


def _tokenizer(teacher: str | None, tokenizer: Path | None) -> str | None:
    if teacher is not None:
        from reldistill_cli.commands.data import teacher_tokenizer

        return teacher_tokenizer(teacher)
    return tokenizer.read_text(encoding="utf-8") if tokenizer is not None else None


def _samples(corpus: Corpus, folder: Path, tokenizer: str | None, count: int) -> list[dict[str, Any]]:
    """Sequences from all over the corpus, with their text if there is a tokenizer."""
    count = min(count, len(corpus))
    indices = [number * len(corpus) // count for number in range(count)]
    shown: list[dict[str, Any]] = [{"index": index, "ids": corpus.sequence(index).tolist()} for index in indices]
    if tokenizer is not None:
        import hashlib

        from tokenizers import Tokenizer

        if hashlib.sha256(tokenizer.encode()).hexdigest() != corpus.manifest.tokenizer_sha256:
            raise DataError(
                f"{folder} was made with another tokenizer",
                hint="Give the one that it was made with, or none to see the ids.",
            )
        decode = Tokenizer.from_str(tokenizer).decode
        shown = [sample | {"text": decode(sample["ids"], skip_special_tokens=False)} for sample in shown]
    return shown


def _print(corpus: Corpus, folder: Path, summary: CorpusSummary) -> None:
    manifest, padding = corpus.manifest, summary.padding
    rows = {
        "corpus": str(folder),
        "documents": f"{manifest.documents:,}  ({manifest.empty_documents:,} empty, {manifest.skipped_records:,} records skipped)",
        "sequences": f"{manifest.sequences:,}",
        "tokens": f"{manifest.tokens:,}  ({summary.bytes_per_token:.2f} bytes each on disk, {manifest.dtype})",
        "shards": f"{len(manifest.shards):,}  ({summary.bytes:,} bytes)",
        "tokenizer": f"{manifest.vocabulary_size:,} tokens, sha256 {manifest.tokenizer_sha256[:16]}…",
        "sources": ", ".join(manifest.sources[:5]) + (" …" if len(manifest.sources) > 5 else ""),
        "length": f"{summary.shortest} to {summary.longest} (at most {manifest.max_length}), mean {summary.mean:.1f}; "
        + ", ".join(f"{mark} %: {tokens}" for mark, tokens in summary.percentiles.items()),
        "padding": f"of {padding.batch_size} sequences as drawn {padding.as_drawn:.0%}, in rows of {padding.rows} "
        f"{padding.random_rows:.0%}, those sorted by length {padding.sorted_rows:.1%}, packed 0 %",
    }
    for name, value in rows.items():
        typer.echo(f"{name + ':':<11}{value}")
    typer.echo("\ntokens           sequences")
    most = max(found.sequences for found in summary.histogram)
    for found in summary.histogram:
        bar = "█" * round(BAR * found.sequences / most)
        typer.echo(f"{found.first:>6} to {found.last:<6} {found.sequences:>10,} {bar}".rstrip())
    for skipped in manifest.skipped:
        typer.echo(f"skipped: {skipped.source}:{skipped.line}: {skipped.cause}")
