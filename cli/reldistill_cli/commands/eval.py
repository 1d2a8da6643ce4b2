"""``minictl eval``: fine-tune and score an encoder on downstream tasks."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from reldistill.errors import UsageError
from reldistill.evaluation.config import SEEDS, EvalConfig, numbers, words
from reldistill.launch import in_worker, launch, report_exit_code, under_torchrun
from reldistill.stop import Stop
from reldistill_cli.output import print_json, results_alone, warn

if TYPE_CHECKING:
    from reldistill.registry import Registry

__all__ = ["evaluate_tasks"]


def evaluate_tasks(
    tasks: Annotated[
        list[str],
        typer.Argument(
            metavar="TASK...",
            help="cola, sst2, mrpc, stsb, qqp, mnli, qnli, rte, wnli, glue (all of these), squad2, xnli, mlqa, or a plugin's.",
            show_default=False,
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(help="A folder, an alias, or an id on the Hub. (default: the student of the last distillation)"),
    ] = None,
    data_dir: Annotated[
        str | None,
        typer.Option(help="Folder of the official files, Parquet or save_to_disk. (default: the Hugging Face Hub)"),
    ] = None,
    learning_rates: Annotated[
        str | None, typer.Option(help="To choose from: 2e-5,5e-5. (default: the paper's for the task)")
    ] = None,
    epochs: Annotated[
        str | None,
        typer.Option(help="To choose from: 3,5; 0 scores a fine-tuned model as it is. (default: the paper's)"),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(help=f"Each setting once with each. (default: {','.join(map(str, SEEDS))})")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="One sensible setting and one seed in place of the search.")
    ] = False,
    languages: Annotated[
        str | None, typer.Option(help="Languages to choose by and to score: en,fr. (default: all of the task)")
    ] = None,
    train_languages: Annotated[
        str | None, typer.Option(help="Languages to train on, all for translate-train-all. (default: en)")
    ] = None,
    score_on: Annotated[
        Literal["test", "dev"] | None,
        typer.Option(
            help="dev scores development sets in place of test sets. (default: as the paper reports the task)"
        ),
    ] = None,
    predict: Annotated[
        Literal["test"] | None, typer.Option(help="test writes the files that GLUE's server takes.")
    ] = None,
    max_length: Annotated[int | None, typer.Option(help="Longest sequence, in tokens. (default: the task's)")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Sequences in a batch. (default: the task's)")] = None,
    precision: Annotated[
        Literal["auto", "fp32", "bf16"], typer.Option(help="auto takes bf16 where the device is fast at it.")
    ] = "auto",
    device: Annotated[Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="Where to run.")] = "auto",
    nproc: Annotated[
        int, typer.Option("--nproc", "--nproc-per-node", min=1, help="Processes that share the cells of the search.")
    ] = 1,
    output: Annotated[
        str | None,
        typer.Option(help="Folder of results. (default: eval/ in the run folder of the student, or below runs/eval/)"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Fine-tune an encoder on tasks and score it, as the paper does.

    Each learning rate, number of epochs and seed is a cell of a search. What is finished is kept: the same
    command goes on where it ended, and with more seeds or rates does only those.

    Example: minictl eval mrpc rte --data-dir glue_data --quick
    """
    config = EvalConfig(
        model=model,
        data_dir=data_dir,
        learning_rates=None if learning_rates is None else numbers(float, learning_rates, "--learning-rates"),
        epochs=None if epochs is None else numbers(int, epochs, "--epochs"),
        seeds=None if seeds is None else numbers(int, seeds, "--seeds"),
        quick=quick,
        languages=None if languages in (None, "all") else words(languages or ""),
        train_languages=None if train_languages in (None, "all") else words(train_languages or ""),
        train_on_all=train_languages == "all",
        score_on=score_on,
        predict=predict,
        max_length=max_length,
        batch_size=batch_size,
        precision=precision,
        device=device,
        output=output,
    )
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
    for name in tasks:
        of_family = [p.name for p in registry.tasks if p.thing.family == name and p.name != name]
        if not of_family:
            registry.tasks.get(name)  # an unknown one is refused before the first is begun
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
                table.add_row(
                    result["task"], evaluation, metric, *shown, f"{chosen['learning_rate']:g}", str(chosen["epochs"]),
                    str(len(values["values"])),
                )  # fmt: skip
    print_table(table)
    for result in results:
        typer.echo(f"{result['task']}: {result['file']}")
