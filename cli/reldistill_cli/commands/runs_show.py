"""``minictl runs show``: one run."""

from __future__ import annotations

from typing import Annotated

import typer

from reldistill.report import Run, find_run, read_run, write_report
from reldistill.report.document import value_in_words
from reldistill.run_files import REPORT
from reldistill_cli.output import print_json
from reldistill_cli.tables import column_table, pair_table, print_table, said, when


def show(
    run: Annotated[
        str,
        typer.Argument(
            help="Folder of a run, a name under runs/ or the beginning of one, or latest.",
            metavar="RUN",
            show_default=False,
        ),
    ],
    report: Annotated[bool, typer.Option("--report", help=f"Write its {REPORT} anew and print where it is.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Show where a run stands, its losses and its configuration.

    Example: minictl runs show latest --report
    """
    found = read_run(find_run(run))
    written = write_report(found.folder) if report else None
    if as_json:
        described = found.describe() | {
            "config": dict(found.config),
            "plan": dict(found.student.plan) if found.student else None,
        }
        print_json(described | ({"report": str(written)} if written else {}))
    elif written is not None:
        typer.echo(str(written))
    else:
        _print(found)


def _print(run: Run) -> None:
    facts = pair_table()
    facts.add_row("run", said(run.folder))
    facts.add_row("state", said(run.standing))
    facts.add_row("last row", when(run.changed))
    if run.student is not None:
        facts.add_row("student", said(run.student.folder))
    if (run.folder / REPORT).is_file():
        facts.add_row("report", said(run.folder / REPORT))
    print_table(facts)
    measured = column_table("measured", "training", "held-out")
    training, validation = run.last, run.validation
    for name in dict.fromkeys([*training, *(key.removeprefix("validation/") for key in validation)]):
        held_out = validation.get("step") if name == "step" else validation.get(f"validation/{name}")
        measured.add_row(said(name), said(training.get(name)), said(held_out))
    if measured.row_count:
        print_table(measured)
    configuration = pair_table()
    for name, value in run.config.items():
        configuration.add_row(said(name), said(value_in_words(value)))
    print_table(configuration)
