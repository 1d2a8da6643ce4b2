"""``minictl bench step``: a whole training step, side by side with how it is usually written, and without each of its measures."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reldistill_cli.output import console

if TYPE_CHECKING:
    from reldistill_cli.bench.contest import Run


def step(
    workload: Annotated[str, typer.Argument(help="bert-128, bert-512, xlmr-128, bert-128-nine or bert-512-nine.")],
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each; they take turns.")] = 5,
    steps: Annotated[int, typer.Option(min=1, help="Steps in a run; their median counts.")] = 3,
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    only: Annotated[list[str] | None, typer.Option(help="Contestants to leave in beside ours. Repeatable.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the JSON here too.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """A training step on the CPU, 12x768 to 6x384: ours, two padded ways, and ours without each of its measures.

    Example: minictl bench step bert-128 --only common --only careful
    """
    import torch

    from reldistill.distillation.device import precision_name, resolve_precision
    from reldistill.errors import UsageError
    from reldistill_cli.bench.contest import Spread, environment, take_turns
    from reldistill_cli.bench.result import check_output, deliver
    from reldistill_cli.bench.stepping import CONTESTANTS, necessary_flops
    from reldistill_cli.bench.workloads import WORKLOADS

    check_output(output)
    if workload not in WORKLOADS:
        raise UsageError(f"{workload}: not a workload", hint=f"Allowed: {', '.join(WORKLOADS)}.")
    if precision not in ("auto", "fp32", "bf16"):
        raise UsageError(f"--precision {precision}: not a choice", hint="Allowed: auto, fp32, bf16.")
    if wrong := [name for name in only or () if name not in CONTESTANTS]:
        raise UsageError(f"--only {wrong[0]!r}: not a contestant", hint=f"Allowed: {', '.join(CONTESTANTS)}.")
    low = precision_name(resolve_precision(precision, torch.device("cpu")))
    names = [n for n in CONTESTANTS if n == "reldistill" or not only or n in only]
    if low == "fp32":
        names = [name for name in names if name != "without bf16"]
    module = "reldistill_cli.bench.stepping"
    commands = {name: ("-m", module, name, workload, str(steps), low) for name in names}

    def on_run(name: str, number: int, run: Run) -> None:
        console().print(f"round {number + 1} of {rounds}, {name}: {run.seconds:.2f} s a step")

    runs = take_turns(commands, rounds, on_run)
    chosen, flops = WORKLOADS[workload], necessary_flops(WORKLOADS[workload])
    lengths, first = chosen.lengths(), runs["reldistill"]
    digests = {name: [json.loads(run.digest) for run in each] for name, each in runs.items()}
    rates = Spread.of([d["matrix_product_rate"] for each in digests.values() for d in each])
    result: dict[str, Any] = {
        "command": f"minictl bench step {workload} --rounds {rounds} --steps {steps} --precision {precision}"
        + "".join(f' --only "{name}"' for name in only or ()),
        "workload": {
            "name": workload, "what": chosen.what, "relations": chosen.relations, "sequences": len(lengths),
            "tokens": sum(lengths), "longest": max(lengths), "mean_length": sum(lengths) / len(lengths),
        },
        "precision": low,
        "rounds": rounds,
        "steps": steps,
        "necessary_tflops": flops / 1e12,
        "matrix_product_gflops": {name: rate / 1e9 for name, rate in asdict(rates).items()},
        "environment": environment("torch", "transformers"),
        "contestants": {
            name: {
                "what": CONTESTANTS[name],
                "loss": digests[name][0]["loss"],
                "seconds": asdict(Spread.of([run.seconds for run in each])),
                "tokens_per_second": asdict(Spread.of([sum(lengths) / run.seconds for run in each])),
                "times_ours": asdict(Spread.of([r.seconds / o.seconds for r, o in zip(each, first, strict=True)])),
                "share_of_matrix_product_rate": asdict(Spread.of([flops / run.seconds / rates.greatest for run in each])),
                "peak_mib_above_imports": asdict(Spread.of([d["peak_mib_above_imports"] for d in digests[name]])),
            }
            for name, each in runs.items()
        },
    }  # fmt: skip
    deliver(result, output, _table, as_json=as_json)


def _table(result: dict[str, Any]) -> None:
    from reldistill_cli.bench.contest import spread_in_words

    work = result["workload"]
    typer.echo(f"{work['what']}: {work['sequences']} sequences, {work['tokens']:,} tokens; {result['precision']}")
    typer.echo(f"  {'':<26}{'seconds a step':>22}{'times ours':>22}{'peak MiB':>10}{'of the rate':>13}")
    for name, figures in result["contestants"].items():
        typer.echo(
            f"  {name:<26}{spread_in_words(figures['seconds'], 2):>22}{spread_in_words(figures['times_ours'], 2):>22}"
            f"{figures['peak_mib_above_imports']['median']:>10,.0f}"
            f"{figures['share_of_matrix_product_rate']['median']:>13.0%}"
        )
