"""The commands of ``minictl``. Nothing heavy is imported before a command runs."""

from __future__ import annotations

from typing import Annotated

import typer

from reldistill_cli.commands import (
    bench,
    config,
    data,
    demo,
    distill,
    doctor,
    eval,
    measure,
    plan,
    plugins,
    probe,
    report,
    runs,
)  # fmt: skip
from reldistill_cli.failures import show_tracebacks
from reldistill_cli.plugin_commands import RootGroup

app = typer.Typer(
    name="minictl", cls=RootGroup, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Compress BERT, RoBERTa and XLM-R: a small student learns the self-attention relations of a large teacher (MiniLMv2).",
    epilog="Exit codes: 0 ok, 1 failed, 2 usage, 3 data, 4 plugin, 5 checkpoint, 75 stopped with state saved, 130 interrupted.",
)  # fmt: skip
app.command("distill")(distill.command)
app.command("plan")(plan.command)
app.command("probe")(probe.command)
app.command("measure")(measure.command)
app.command("eval")(eval.command)
app.command("report")(report.command)
app.add_typer(config.app, name="config")
app.add_typer(data.app, name="data")
app.add_typer(runs.app, name="runs")
app.add_typer(plugins.app, name="plugins")
app.add_typer(bench.app, name="bench")
app.command("doctor")(doctor.command)
app.command("demo")(demo.command)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"minictl (reldistill) {version('reldistill')}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options that stand before the command."""
    show_tracebacks(debug)


def run() -> None:
    """The entry point of the program."""
    app()
