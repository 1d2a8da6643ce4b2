"""``minictl data verify``: reads every byte of a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from reldistill.errors import DataError
from reldistill_cli.output import print_json


def verify(
    corpora: Annotated[list[Path], typer.Argument(help="Folders of corpora.", metavar="CORPUS...")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Read every byte of corpora and hold it against their checksums.

    Each corpus is read, also behind a damaged one; exit code 3 if one of them is damaged.

    Example: minictl data verify corpus
    """
    from reldistill_loader import Corpus, CorpusError

    results: list[dict[str, Any]] = []
    for folder in corpora:
        try:
            corpus = Corpus.open(folder, verify="full")
        except CorpusError as error:
            results.append({"corpus": str(folder), "whole": False, "error": str(error)})
            line = f"damaged: {error}"
        else:
            results.append({"corpus": str(folder), "whole": True, "fingerprint": corpus.fingerprint})
            line = f"whole: {folder}  ({len(corpus):,} sequences, {corpus.tokens:,} tokens, fingerprint {corpus.fingerprint[:16]}…)"
        if not as_json:
            typer.echo(line)
    if as_json:
        print_json({"corpora": results})
    damaged = [result for result in results if not result["whole"]]
    if damaged:
        raise DataError(
            f"{len(damaged)} of {len(results)} corpora cannot be used: {', '.join(result['corpus'] for result in damaged)}",
            hint="Copy what is damaged again from its source, or build the corpus again.",
        )
