"""``minictl plugins check``: does what plugins give keep its contract?"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from reldistill.errors import PluginError
from reldistill_cli.output import console, print_json
from reldistill_cli.tables import column_table, print_table, said

if TYPE_CHECKING:
    from reldistill.testing import Check

__all__ = ["check"]


@dataclass(frozen=True)
class Outcome:
    """What came of a check; ``message``: advice, or why it was skipped."""

    subject: str
    name: str
    outcome: Literal["passed", "failed", "skipped"]
    message: str | None


def check(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Plugins or distributions; all that are installed beside the built-in ones.", metavar="[NAME...]"
        ),
    ] = None,
    builtin: Annotated[bool, typer.Option("--builtin", help="The built-in plugins too.")] = False,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Files of the tasks, a few rows each; DIR/TASK is a task's own where it is there.",
        ),
    ] = None,
    golden: Annotated[
        Path | None,
        typer.Option(exists=True, help="Known scores of a task: a JSON file, or a folder of TASK.json."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Check what installed plugins give against their contracts: the kit of `reldistill.testing`.

    Small models and random states on this machine; nothing is fetched. Exit code 4 if a check fails.

    Example: minictl plugins check my-relations
    """  # fmt: skip
    from reldistill.testing.installed import installed_checks, named_plugins

    plugins = named_plugins(names or [], builtin=builtin)
    if not plugins and not as_json:
        typer.echo("No plugin is installed beside the built-in ones; --builtin checks those.")
        return
    outcomes = _run(installed_checks(plugins, data_dir=data_dir, golden=golden))
    counts = {kind: sum(o.outcome == kind for o in outcomes) for kind in ("passed", "failed", "skipped")}
    if as_json:
        print_json({"plugins": [str(plugin) for plugin in plugins], **counts, "checks": [asdict(o) for o in outcomes]})
    else:
        _print(outcomes)
    if counts["failed"]:
        raise PluginError(
            f"{counts['failed']} of {len(outcomes)} checks failed",
            hint="What to change stands above." if not as_json else None,
        )


def _run(checks: Iterable[Check]) -> list[Outcome]:
    """All of them. On a terminal the one that runs is named, elsewhere each subject is; what plugins print goes to stderr."""
    screen = console()
    outcomes: list[Outcome] = []
    with (
        Progress(TextColumn("{task.completed} checks"), TextColumn("{task.description}"), TimeElapsedColumn(), console=screen,
                 disable=not screen.is_terminal, transient=True) as bar,
        contextlib.redirect_stdout(sys.stderr),
    ):  # fmt: skip
        running = bar.add_task("loading", total=None)
        for check in checks:
            bar.update(running, description=escape(str(check)))
            if not screen.is_terminal and (not outcomes or outcomes[-1].subject != check.subject):
                screen.print(escape(f"checking {check.subject}"))
            outcomes.append(_outcome(check))
            bar.advance(running)
    return outcomes


def _outcome(check: Check) -> Outcome:
    from reldistill.testing import ConformanceError, NotApplicable

    try:
        check()
    except ConformanceError as error:
        return Outcome(check.subject, check.name, "failed", str(error))
    except NotApplicable as reason:
        return Outcome(check.subject, check.name, "skipped", str(reason))
    return Outcome(check.subject, check.name, "passed", None)


def _print(outcomes: list[Outcome]) -> None:
    """A row a subject, then each failure with its advice, then what was skipped, a line a reason."""
    table = column_table("", "passed", "failed", "skipped")
    for subject in dict.fromkeys(o.subject for o in outcomes):
        of_it = [o.outcome for o in outcomes if o.subject == subject]
        table.add_row(said(subject), *(str(of_it.count(kind) or "-") for kind in ("passed", "failed", "skipped")))
    print_table(table)
    for failed in (o for o in outcomes if o.outcome == "failed"):
        typer.echo(f"failed: {failed.subject}: {failed.name}")
        for line in (failed.message or "").splitlines():
            typer.echo(f"  {line}")
        typer.echo()
    reasons: dict[str, list[str]] = {}
    for skipped in (o for o in outcomes if o.outcome == "skipped"):
        reasons.setdefault(skipped.message or "", []).append(f"{skipped.subject}: {skipped.name}")
    for reason, which in reasons.items():
        more = f" and {len(which) - 1} more" if len(which) > 1 else ""
        typer.echo(f"skipped: {which[0]}{more}: {reason}")
