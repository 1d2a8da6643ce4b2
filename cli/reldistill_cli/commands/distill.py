"""``minictl distill``: the main job."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from reldistill.config import DistillConfig
from reldistill.launch import in_worker, launch, report_exit_code, under_torchrun
from reldistill.stop import Stop
from reldistill_cli.config_options import with_config_options
from reldistill_cli.output import print_json, results_alone, warn

if TYPE_CHECKING:
    from reldistill.distillation import DistillResult, DryRun


def _distill(
    config: DistillConfig,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Resolve everything, compute one batch, write nothing.", rich_help_panel="Output"
        ),
    ] = False,
    nproc: Annotated[
        int,
        typer.Option(
            "--nproc",
            "--nproc-per-node",
            min=1,
            help="Processes that train together, one for each GPU; torchrun starts them.",
            rich_help_panel="Machine",
        ),
    ] = 1,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on stdout.", rich_help_panel="Output")
    ] = False,
) -> None:
    """Distil a small student from a large teacher.

    Example: minictl distill --teacher xlm-r-large --relations qq,kk,vv

    Offline: give a local folder as --teacher and text files as --data.

    Several GPUs or processes: --nproc N, or torchrun -m reldistill_cli distill ... on each machine.

    SIGTERM, SIGUSR1 and Ctrl-C save and end the run, a second one ends it at once; the same command goes on.
    """
    if nproc > 1 and not under_torchrun():
        raise typer.Exit(launch(nproc, sys.argv[1:]))
    with Stop(second_ends=not in_worker()) as stop:
        result = _run(config, stop, dry_run)
    report_exit_code(0)
    if os.environ.get("RANK", "0") == "0":
        _show(result, as_json)


def _run(config: DistillConfig, stop: Stop, dry_run: bool) -> DistillResult | DryRun:
    from reldistill.distillation import distill
    from reldistill.registry import Registry
    from reldistill_cli.progress import ScreenReporter

    with results_alone(), ScreenReporter() as reporter:
        return distill(config, Registry.installed(warn=warn), reporter, dry_run=dry_run, stop=stop)


def _show(result: DistillResult | DryRun, as_json: bool) -> None:
    from reldistill.distillation import DryRun

    if as_json:
        print_json(result.describe())
    elif isinstance(result, DryRun):
        found = f"one batch has loss {result.row['loss']:.4f}" if result.row else "the student can be made"
        typer.echo(f"dry run: {found}; nothing was written")
    elif result.already_there:
        typer.echo(f"this run is finished: {result.student}\n--overwrite starts it again.")
    else:
        typer.echo(f"student: {result.student}  ({result.parameters / 1e6:.1f} M parameters)")


command = with_config_options(_distill)
