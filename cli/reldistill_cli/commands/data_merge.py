"""``minictl data merge``: parts that were built apart become one corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reldistill_cli.output import print_json


def merge(
    corpus: Annotated[Path, typer.Argument(help="Folder that the parts were built into.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Merge again where that was done before.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Make one corpus of all parts that `minictl data build --part` wrote, without reading or moving a shard.

    Example: minictl data merge corpus
    """
    from reldistill_loader import merge_parts

    manifest = merge_parts(corpus, overwrite=overwrite)
    if as_json:
        print_json({
            "corpus": str(corpus), "shards": len(manifest.shards), "documents": manifest.documents,
            "sequences": manifest.sequences, "tokens": manifest.tokens, "skipped": manifest.skipped_records,
        })  # fmt: skip
    else:
        typer.echo(
            f"corpus: {corpus}  ({manifest.documents:,} documents, {manifest.sequences:,} sequences, {manifest.tokens:,} tokens)"
        )
