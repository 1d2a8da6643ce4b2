"""``minictl report``: results of evaluations as the paper's tables."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from reldistill.errors import CheckpointError, DataError, UsageError, did_you_mean
from reldistill.evaluation.result_file import RESULT_NAME, find_results
from reldistill.evaluation.speed_file import Speedup
from reldistill.evaluation.speedup import speedup_of
from reldistill.evaluation.tables.build import build_tables
from reldistill.evaluation.tables.layout import STATISTICS, Layout
from reldistill.evaluation.tables.model_results import ModelResults, group_by_model
from reldistill.evaluation.tables.render_csv import to_csv
from reldistill.evaluation.tables.render_latex import to_latex
from reldistill.evaluation.tables.render_markdown import to_markdown
from reldistill.evaluation.tables.table import Table
from reldistill.local_path import local_path
from reldistill_cli.output import console, print_json, warn
from reldistill_cli.tables import column_table, print_table, said

RUNS = Path("runs")
FORMATS = ("terminal", "markdown", "latex", "csv")


def command(
    paths: Annotated[
        list[str] | None,
        typer.Argument(help=f"Folders with {RESULT_NAME} files below them.", metavar="PATH", show_default="runs"),
    ] = None,
    format_: Annotated[
        str, typer.Option("--format", help=f"What to print: {', '.join(FORMATS)}.", metavar="FORMAT")
    ] = "terminal",
    statistic: Annotated[
        str, typer.Option(help=f"What is shown of the seeds: {' or '.join(STATISTICS)}.", metavar="STATISTIC")
    ] = "median",
    spread: Annotated[
        bool, typer.Option("--spread", help="Add the lowest and the highest seed to each score.")
    ] = False,
    with_sts: Annotated[bool, typer.Option("--with-sts", help="The table of base-size models, with STS-B.")] = False,
    paper: Annotated[bool, typer.Option("--paper", help="Add the rows of the paper.")] = False,
    speed: Annotated[
        bool, typer.Option("--speed", help="Measure Speedup against a 12x768 model, once for each model and machine.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Lay results of evaluations out as the tables of the paper: GLUE and SQuAD 2.0, XNLI, MLQA.

    Example: minictl report runs --paper --format latex > tables.tex
    """  # fmt: skip
    _check("--format", format_, FORMATS)
    _check("--statistic", statistic, STATISTICS)
    if as_json and format_ != "terminal":
        raise UsageError(f"--json and --format {format_} exclude each other", hint="Give one of the two.")
    models = _models([local_path(path) for path in paths] if paths else [RUNS])
    speedups, unmeasured = _speedups(models) if speed else (None, {})
    layout = Layout(statistic=statistic, spread=spread, paper=paper, speedups=speedups, unmeasured=unmeasured)
    tables = build_tables(models, layout, with_sts=with_sts)
    if as_json:
        print_json({"statistic": statistic, "tables": [table.describe() for table in tables]})
    elif format_ == "markdown":
        typer.echo(to_markdown(tables), nl=False)
    elif format_ == "latex":
        typer.echo(to_latex(tables), nl=False)
    elif format_ == "csv":
        typer.echo(to_csv(tables), nl=False)
        _footnotes_on_stderr(tables)
    else:
        for table in tables:
            _print(table)


def _check(option: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        near = did_you_mean(value, choices)
        hint = f"One of: {', '.join(choices)}." + (f" {near}" if near else "")
        raise UsageError(f"{option} {value}: there is no such choice", hint=hint)


def _models(paths: Sequence[Path]) -> list[ModelResults]:
    hint = "Evaluate a model first: minictl eval mrpc. Or name the folder where results are: minictl report FOLDER."
    results = find_results(path for path in paths if path != RUNS or path.exists())
    if not results:
        places = ", ".join(str(path.absolute()) for path in paths)
        raise DataError(f"no result found: no {RESULT_NAME} in or below {places}", hint=hint)
    return group_by_model(results)


def _speedups(models: Sequence[ModelResults]) -> tuple[dict[str, Speedup], dict[str, str]]:
    """By a model's SHA-256: what was measured, and why something was not."""
    measured: dict[str, Speedup] = {}
    reasons: dict[str, str] = {}
    for model in models:
        sha256 = model.model.sha256
        newest_first = sorted(model.newest.values(), key=lambda result: result.changed, reverse=True)
        try:
            with console().status(f"speed of {said(model.label)} and of a 12x768 model"):
                measured[sha256] = speedup_of(newest_first)
        except CheckpointError as error:
            reasons[sha256] = error.message
            warn(f"speed of {model.label} not measured: {error.message}")
    return measured, reasons


def _print(table: Table) -> None:
    typer.secho(table.title, bold=sys.stdout.isatty())
    out = column_table()
    for number, column in enumerate(table.columns):
        out.add_column(said(column), justify="left" if number < table.words else "right")
    for heading, rows in table.blocks():
        if heading is not None:
            out.add_section()
            out.add_row(f"[italic]{said(heading)}[/italic]")
        for row in rows:
            out.add_row(*(said(cell.text) for cell in row.cells))
    print_table(out)
    for note in table.footnotes:
        typer.echo(f"- {note}")
    typer.echo()


def _footnotes_on_stderr(tables: Sequence[Table]) -> None:
    for table in tables:
        for note in table.footnotes:
            typer.echo(f"{table.title}: {note}", err=True)
