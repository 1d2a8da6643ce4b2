"""``minictl plugins``: what is installed."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer
from rich.markup import escape

from reldistill.registry.discovery import COMMANDS, RESTRICTION, PluginSource, chosen_plugins, installed_plugins
from reldistill_cli.commands.plugins_check import check
from reldistill_cli.commands.plugins_new import new
from reldistill_cli.commands.plugins_show import show
from reldistill_cli.output import print_json
from reldistill_cli.plugin_commands import command_obstacle
from reldistill_cli.tables import column_table, print_table

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
def list_plugins(
    ctx: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False
) -> None:
    """List the installed plugins and the commands that they add. Reads their metadata; imports none of them."""
    root: Any = ctx.find_root().command
    builtin = set(getattr(root, "commands", ()))
    sources, commands = installed_plugins(), installed_plugins(COMMANDS)
    loaded, obstacles = set(chosen_plugins([*sources, *commands])), {s: command_obstacle(s, builtin) for s in commands}
    rows = [_row(s, enabled=s in loaded) for s in sources]
    command_rows = [_row(s, enabled=s in loaded and not obstacles[s]) | {"summary": s.summary} for s in commands]
    if as_json:
        print_json({"plugins": rows, "commands": command_rows, "restriction": os.environ.get(RESTRICTION)})
        return
    table = column_table("plugin", "distribution", "version", "module", "loaded")
    for row, source in zip([*rows, *command_rows], [*sources, *commands], strict=True):
        name = f"minictl {row['name']}" if source in obstacles else str(row["name"])
        why = obstacles.get(source) or RESTRICTION
        enabled = ("when run" if source in obstacles else "yes") if row["enabled"] else f"no ({why})"
        table.add_row(escape(name), str(row["distribution"]), str(row["version"]), escape(str(row["module"])), enabled)
    print_table(table)


def _row(source: PluginSource, *, enabled: bool) -> dict[str, object]:
    return {
        "name": source.name,
        "distribution": source.distribution,
        "version": source.version,
        "module": source.module,
        "builtin": source.builtin,
        "enabled": enabled,
    }
