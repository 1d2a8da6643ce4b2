"""``minictl runs compare``: several runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from reldistill.errors import UsageError
from reldistill.report import Comparison, compare_runs, find_run, read_run, write_comparison
from reldistill.report.document import value_in_words
from reldistill.report.rows import Row
from reldistill_cli.output import print_json, warn
from reldistill_cli.tables import column_table, print_table, said


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            help="Two runs or more: folders, names under runs/ or the beginnings of some, or latest.",
            metavar="RUN RUN...",
            show_default=False,
        ),
    ],
    report: Annotated[
        Path | None, typer.Option(help="Write a page with the curves of all of them.", metavar="FILE.html")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Show the options that differ between runs, and their losses at the last step that all of them logged.

    Example: minictl runs compare bert-base-6x384-1f bert-base-6x384-a0 --report both.html
    """  # fmt: skip
    if report is not None and report.is_dir():
        raise UsageError(f"--report {report}: that is a folder", hint="Give the name of a file: both.html.")
    comparison = compare_runs([read_run(find_run(run)) for run in runs])
    if report is not None:
        write_comparison(comparison, report)
    if as_json:
        print_json(comparison.describe() | ({"report": str(report)} if report else {}))
        return
    _print(comparison)
    for note in comparison.notes:
        warn(note)
    if report is not None:
        typer.echo(f"report: {report}")


def _print(comparison: Comparison) -> None:
    heads = [said(name) for name in comparison.names]
    options = column_table("option", *heads)
    for option, values in comparison.differing.items():
        options.add_row(said(option), *(said(value_in_words(value)) for value in values))
    if options.row_count:
        print_table(options)
    else:
        typer.echo("no option differs\n")
    state = column_table("", *heads)
    state.add_row("state", *(run.state for run in comparison.runs))
    state.add_row("step", *(f"{run.step:,}/{run.steps:,}" for run in comparison.runs))
    print_table(state)
    _losses("training", comparison.common_step, comparison.at_common_step, [r.last for r in comparison.runs], heads)
    validations = [run.validation for run in comparison.runs]
    if any(validations):
        _losses("held-out text", comparison.common_validation, comparison.at_common_validation, validations, heads)


def _losses(kind: str, common: int | None, there: Sequence[Row], last: Sequence[Row], heads: Sequence[str]) -> None:
    """The losses at the common step, and those of the last row of each where that is another one."""
    at = f"{kind}, step {common:,}" if common is not None else f"{kind}, no common step"
    table = column_table(at, *heads)
    for rows, title in ((there, ""), (last, "last: ")):
        names = dict.fromkeys(
            name for row in rows for name in row if name.removeprefix("validation/").startswith("loss")
        )
        if title and {row.get("step") for row in rows} == {common}:
            break
        if title:
            table.add_row("last: step", *(said(row.get("step")) for row in rows))
        for name in names:
            table.add_row(said(title + name.removeprefix("validation/")), *(said(row.get(name)) for row in rows))
    print_table(table)
