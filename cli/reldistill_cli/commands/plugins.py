"""``minictl plugins``: what is installed."""

from __future__ import annotations

import os
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from reldistill.registry.discovery import RESTRICTION, chosen_plugins, installed_plugins
from reldistill_cli.commands.plugins_check import check
from reldistill_cli.commands.plugins_new import new
from reldistill_cli.commands.plugins_show import show
from reldistill_cli.output import print_json

app = typer.Typer(
    no_args_is_help=True, help="See which plugins are installed and what they give, check them, write one."
)
app.command("show")(show)
app.command("check")(check)
app.command("new")(new)


@app.callback()
def plugins() -> None:
    """See which plugins are installed and what they give, check them, write one."""


@app.command("list")
def list_plugins(as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False) -> None:
    """List the installed plugins. Reads their metadata; imports none of them."""
    sources = installed_plugins()
    loaded = set(chosen_plugins(sources))
    rows = [
        {
            "name": s.name,
            "distribution": s.distribution,
            "version": s.version,
            "module": s.module,
            "builtin": s.builtin,
            "enabled": s in loaded,
        }
        for s in sources
    ]
    if as_json:
        print_json({"plugins": rows, "restriction": os.environ.get(RESTRICTION)})
        return
    table = Table("plugin", "distribution", "version", "module", "loaded", box=None, pad_edge=False)
    for row in rows:
        enabled = "yes" if row["enabled"] else f"no ({RESTRICTION})"
        table.add_row(str(row["name"]), str(row["distribution"]), str(row["version"]), str(row["module"]), enabled)
    Console(soft_wrap=True, highlight=False).print(table)
