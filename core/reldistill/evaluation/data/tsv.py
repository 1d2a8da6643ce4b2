"""Tab-separated files as GLUE and XNLI have them: no quoting, whatever the quotation marks look like."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reldistill.errors import DataError

__all__ = ["read_tsv"]


def read_tsv(
    path: Path, columns: Sequence[str] | None = None, *, leave_out_short: bool = False
) -> list[dict[str, str]]:
    """The rows of a file, by the names of its first line, or by ``columns`` where the first line is a row.

    ``leave_out_short``: rows with too few columns are left out, where the official file is known to have some.
    A byte order mark is left out and CRLF is one line end; columns behind the named ones are dropped.

    Raises:
        DataError: the file is not UTF-8, or a row has fewer columns than there are names: which row, and what stands there.
    """
    try:
        # Neither splitlines() nor a text file's lines, which also end at characters that stand within a sentence.
        lines = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8: byte {error.start:,}", hint="Download it again.") from error
    if lines and not lines[-1]:
        lines.pop()
    first = 0
    if columns is None:
        if not lines:
            raise DataError(f"{path} is empty", hint="Download it again.")
        columns, first = lines[0].split("\t"), 1
    rows = []
    for number, line in enumerate(lines[first:], start=first + 1):
        cells = line.split("\t")
        if len(cells) < len(columns) and leave_out_short:
            continue
        if len(cells) < len(columns):
            raise DataError(
                f"{path}, line {number}: {len(cells)} columns, {len(columns)} are expected ({', '.join(columns)}): {line[:80]!r}",
                hint="Download it again, or remove the line.",
            )
        rows.append(dict(zip(columns, cells, strict=False)))
    return rows
