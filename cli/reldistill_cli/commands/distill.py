"""``minictl distill``: the main job."""

from __future__ import annotations

from typing import Annotated

import typer

from reldistill.config import DistillConfig
from reldistill_cli.config_options import with_config_options
from reldistill_cli.output import print_json, warn


def _distill(
    config: DistillConfig,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Resolve everything, compute one batch, write nothing.", rich_help_panel="Output"
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on stdout.", rich_help_panel="Output")
    ] = False,
) -> None:
    """Distil a small student from a large teacher.

    Example: minictl distill --teacher xlm-r-large --relations qq,kk,vv

    Offline: give a local folder as --teacher and text files as --data.
    """
    from reldistill.distillation import DryRun, distill
    from reldistill.registry import Registry
    from reldistill_cli.progress import ScreenReporter

    with ScreenReporter() as reporter:
        result = distill(config, Registry.installed(warn=warn), reporter, dry_run=dry_run)
    if as_json:
        print_json(result.describe())
    elif isinstance(result, DryRun):
        typer.echo(f"dry run: one batch has loss {result.row['loss']:.4f}; nothing was written")
    elif result.already_there:
        typer.echo(f"this run is finished: {result.student}\n--overwrite starts it again.")
    else:
        typer.echo(f"student: {result.student}  ({result.parameters / 1e6:.1f} M parameters)")


command = with_config_options(_distill)
