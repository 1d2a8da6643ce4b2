"""``minictl runs list``: the runs of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reldistill.report import Run, list_runs
from reldistill.report.rows import TRAINED, VALIDATED
from reldistill.run_files import RUNS
from reldistill_cli.output import print_json
from reldistill_cli.tables import column_table, print_table, said, when

HEADINGS = ("run", "teacher", "student", "relations", "step", "loss", "held-out", "state", "last row")


def list_them(
    folder: Annotated[Path, typer.Argument(help="Folder that holds runs.")] = RUNS,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """List the runs of a folder, the one that last wrote a row first. One that cannot be read is listed with the reason.

    Example: minictl runs list
    """
    runs = list_runs(folder)
    if as_json:
        print_json({"folder": str(folder), "runs": [run.describe() for run in runs]})
        return
    if not runs:
        typer.echo(f"{folder}/ holds no run. `minictl distill` makes one.", err=True)
        return
    table = column_table(*HEADINGS)
    for run in runs:
        if isinstance(run, Run):
            config = run.config
            table.add_row(
                said(run.name), said(run.teacher), said(config.get("student")), said(config.get("relations")),
                f"{run.step:,}/{run.steps:,}", said(run.last.get(TRAINED)), said(run.validation.get(VALIDATED)), run.state,
                when(run.changed),
            )  # fmt: skip
        else:
            table.add_row(said(run.name), "", "", "", "", "", "", said(f"broken: {run.reason}"), when(run.changed))
    print_table(table)
