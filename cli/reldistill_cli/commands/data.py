"""``minictl data``: corpora of tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from reldistill.errors import UsageError
from reldistill_cli.commands.data_inspect import inspect
from reldistill_cli.commands.data_merge import merge
from reldistill_cli.commands.data_part import parse_part
from reldistill_cli.commands.data_verify import verify
from reldistill_cli.output import print_json, warn

app = typer.Typer(no_args_is_help=True, help="Make corpora of tokens out of text, look into them, verify them.")
app.command("inspect")(inspect)
app.command("verify")(verify)
app.command("merge")(merge)


@app.callback()
def data() -> None:
    """Make corpora of tokens out of text, look into them, verify them."""


@app.command("build")
def build(
    text: Annotated[
        list[str],
        typer.Argument(
            help=".txt, .jsonl and .parquet files, also .gz and .zst; folders or globs of them; "
            "or one data set: a folder of save_to_disk, or owner/name on the Hub."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the corpus.")],
    teacher: Annotated[
        str | None, typer.Option(help="Take this teacher's tokenizer: alias, folder or id on the Hub.")
    ] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A tokenizer.json, taken as it is.")
    ] = None,
    max_length: Annotated[int, typer.Option(min=1, help="Longest sequence, in tokens with the special ones.")] = 512,
    documents: Annotated[
        Literal["split", "join"],
        typer.Option(help="join: short documents become one sequence, [SEP] or </s> between them."),
    ] = "split",
    text_column: Annotated[str, typer.Option(help="Column of .jsonl and .parquet files that holds the text.")] = "text",
    text_documents: Annotated[
        Literal["lines", "paragraphs"],
        typer.Option(help="What is a document of a .txt file: a line, or the lines up to a blank one."),
    ] = "lines",
    windows: Annotated[
        Literal["tokens", "sentences", "lines"],
        typer.Option(
            help="Cut documents longer than a sequence where it is full, or behind the last sentence or line that fits."
        ),
    ] = "tokens",
    on_error: Annotated[Literal["raise", "skip"], typer.Option(help="What to do with a broken record.")] = "raise",
    threads: Annotated[int, typer.Option(min=0, help="0: one for each core.")] = 0,
    part: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER/OF",
            help="Build one of so many parts, from 1/64 to 64/64, anywhere; then: minictl data merge. Takes whole files.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a corpus that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Tokenise text into a corpus that `minictl distill --data` takes.

    Example: minictl data build wiki/*.txt --teacher bert-base --output corpus

    A build that was interrupted goes on where it stopped when the same command is given again.
    """
    if (teacher is None) == (tokenizer is None):
        raise UsageError(
            "give either --teacher or --tokenizer", hint="--teacher bert-base, or --tokenizer path/to/tokenizer.json."
        )
    which = parse_part(part) if part is not None else None
    from reldistill.distillation.text_source import streamed_text
    from reldistill_cli.progress import ScreenReporter
    from reldistill_loader import tokenize, tokenize_documents

    source = teacher_tokenizer(teacher) if teacher is not None else tokenizer
    assert source is not None, "one of the two is given"
    label = ", ".join(text)
    with ScreenReporter() as reporter:
        streamed = streamed_text(text, text_column)
        if streamed is not None and which is not None:
            raise UsageError(
                f"--part cannot cut {streamed}: a part takes whole files, and a data set is one stream",
                hint="Write it as files first, in Python load_dataset(…).to_parquet(…) or to_json(…) for each piece, or build "
                "it without --part.",
            )
        pinned = streamed.pinned() if streamed is not None else None
        items = pinned.stream(seed=0) if pinned is not None else None
        if streamed is not None and pinned is not None and items is not None:
            manifest = tokenize_documents(
                items, source, output, source=streamed.names, max_length=max_length, join=documents == "join",
                windows=windows, threads=threads, overwrite=overwrite, resume_key=pinned.resume_key(seed=0),
                progress=lambda progress: reporter.tokenising(label, progress),
            )  # fmt: skip
        else:
            manifest = tokenize(
                text, source, output, max_length=max_length, documents=documents, text_column=text_column,
                text_documents=text_documents, windows=windows, threads=threads, overwrite=overwrite, on_error=on_error,
                part=which, progress=lambda progress: reporter.tokenising(label, progress),
            )  # fmt: skip
        reporter.tokenised(label)
    folder = output / manifest.part.folder if manifest.part is not None else output
    if as_json:
        described: dict[str, object] = {
            "corpus": str(folder), "documents": manifest.documents, "sequences": manifest.sequences,
            "tokens": manifest.tokens, "skipped": manifest.skipped_records,
        }  # fmt: skip
        if manifest.part is not None:
            described["part"] = {"number": manifest.part.number, "of": manifest.part.of}
        print_json(described)
        return
    kind = "corpus" if manifest.part is None else f"part {manifest.part.number} of {manifest.part.of}"
    typer.echo(
        f"{kind}: {folder}  ({manifest.documents:,} documents, {manifest.sequences:,} sequences, {manifest.tokens:,} tokens)"
    )
    if manifest.part is not None:
        if not manifest.sources:
            typer.echo("No file fell to this part; it is needed all the same.")
        typer.echo(f"When all {manifest.part.of} are there: minictl data merge {output}")
    if manifest.skipped_records:
        warn(
            f"{manifest.skipped_records:,} broken records were skipped; the first are listed in {folder / 'manifest.json'}"
        )


def teacher_tokenizer(teacher: str) -> str:
    """The text of a tokenizer.json that gives the ids of transformers' tokenizer for this teacher."""
    from reldistill.distillation.locate import locate_teacher
    from reldistill.registry import Registry

    return locate_teacher(teacher, Registry.installed(warn=warn)).tokenizer_json
