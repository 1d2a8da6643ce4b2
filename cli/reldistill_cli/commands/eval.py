"""``minictl eval``: fine-tune and score an encoder on downstream tasks."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reldistill.config import EVAL, EvalConfig
from reldistill.errors import UsageError
from reldistill.launch import in_worker, launch, report_exit_code, under_torchrun
from reldistill.stop import Stop
from reldistill_cli.config_options import with_config_options
from reldistill_cli.output import print_json, results_alone, warn

if TYPE_CHECKING:
    from reldistill.registry import Registry


def _evaluate(
    config: EvalConfig,
    tasks: Annotated[
        list[str],
        typer.Argument(
            metavar="TASK...",
            help="cola, sst2, mrpc, stsb, qqp, mnli, qnli, rte, wnli, glue (all of these), squad2, xnli, mlqa, or a plugin's.",
            show_default=False,
        ),
    ],
    nproc: Annotated[
        int,
        typer.Option(
            "--nproc",
            "--nproc-per-node",
            min=1,
            help="Processes that share the cells of the search.",
            rich_help_panel="Machine",
        ),
    ] = 1,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on stdout.", rich_help_panel="Output")
    ] = False,
) -> None:
    """Fine-tune an encoder on tasks and score it, as the paper does.

    Each learning rate, number of epochs and seed is a cell of a search. What is finished is kept: the same
    command goes on where it ended, and with more seeds or rates does only those.

    Example: minictl eval mrpc rte --data-dir glue_data --quick
    """
    if nproc > 1 and not under_torchrun() and (code := launch(nproc, sys.argv[1:])):
        raise typer.Exit(code)
    with Stop(second_ends=not in_worker()) as stop, results_alone():
        results = _run(tasks, config, stop)
    report_exit_code(0)
    if not results:  # one of several processes
        return
    if as_json:
        print_json({"results": results})
    else:
        _show(results)


def _run(tasks: list[str], config: EvalConfig, stop: Stop) -> list[dict[str, Any]]:
    from reldistill.evaluation.run import evaluate, plan_of
    from reldistill.registry import Registry
    from reldistill_cli.eval_progress import EvalScreen

    share = (int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])) if under_torchrun() else (0, 1)
    registry = Registry.installed(warn=warn)
    names = _expanded(tasks, registry)
    for name in names:
        plan_of(
            registry.tasks.get(name).guarded("task"), config
        )  # what one of them refuses is said before another is trained
    found = []
    with EvalScreen() as reporter:
        for name in names:
            result = evaluate(name, config, registry, reporter, stop=stop, share=share)
            if result is not None:
                found.append({"file": str(result.file), "already_there": result.already_there, **result.content})
    return found


def _expanded(tasks: list[str], registry: Registry) -> list[str]:
    """Names of families as the tasks that belong to them, each task once."""
    names: list[str] = []
    families = sorted({p.thing.family for p in registry.tasks} - set(registry.tasks.names()))
    for name in tasks:
        of_family = [p.name for p in registry.tasks if p.thing.family == name and p.name != name]
        if not of_family:
            registry.tasks.get(name, beside=families)  # an unknown one is refused before the first is begun
        names += of_family or [name]
    if len(set(names)) < len(names):
        raise UsageError(f"a task is named twice: {', '.join(names)}", hint="Name each once.")
    return names


def _show(results: list[dict[str, Any]]) -> None:
    from reldistill_cli.tables import column_table, print_table

    table = column_table(
        "task", "scored", "metric", "median", "mean", "low", "high", "learning rate", "epochs", "seeds"
    )
    for result in results:
        for evaluation, scores in result["scores"].items():
            for metric, values in scores.items():
                shown = ["-" if values[k] is None else f"{values[k]:.2f}" for k in ("median", "mean", "low", "high")]
                chosen = result["selected"]
                rate = "-" if chosen["learning_rate"] is None else f"{chosen['learning_rate']:g}"
                table.add_row(
                    result["task"], evaluation, metric, *shown, rate, str(chosen["epochs"]), str(len(values["values"])),
                )  # fmt: skip
    print_table(table)
    for result in results:
        typer.echo(f"{result['task']}: {result['file']}")


command = with_config_options(_evaluate, kind=EVAL)
