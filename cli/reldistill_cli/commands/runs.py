"""``minictl runs``: what became of distillations."""

from __future__ import annotations

import typer

from reldistill_cli.commands.runs_compare import compare
from reldistill_cli.commands.runs_list import list_them
from reldistill_cli.commands.runs_show import show

app = typer.Typer(no_args_is_help=True, help="List runs, look at one, hold several side by side.")
app.command("list")(list_them)
app.command("show")(show)
app.command("compare")(compare)


@app.callback()
def runs() -> None:
    """List runs, look at one, hold several side by side."""
