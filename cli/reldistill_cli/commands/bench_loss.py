"""``minictl bench loss``: the relation loss alone, side by side with how it is usually written."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reldistill_cli.output import console

if TYPE_CHECKING:
    from reldistill_cli.bench.contest import Run


def loss(
    length: Annotated[
        list[int] | None, typer.Option(min=8, help="Longest sequence. Repeatable. (default: 256)")
    ] = None,
    relations: Annotated[str, typer.Option(help="Pairs of q, k and v.")] = "qq,kk,vv",
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each; they take turns.")] = 5,
    repeats: Annotated[int, typer.Option(min=1, help="Losses in a run; its median counts.")] = 3,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the JSON here too.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """The relation loss and its gradient: the kernels, and two padded ways, 8 sequences, 48 heads, widths 768 and 384.

    Example: minictl bench loss --length 256 --length 512
    """
    from reldistill.errors import UsageError
    from reldistill_cli.bench.contest import environment
    from reldistill_cli.bench.result import check_output, deliver
    from reldistill_cli.bench.workloads import NINE

    check_output(output)
    chosen = [name.strip() for name in relations.split(",")]
    if wrong := [name for name in chosen if name not in NINE]:
        raise UsageError(f"--relations {wrong[0]}: not a pair", hint=f"Allowed: {', '.join(NINE)}.")
    if len(set(chosen)) < len(chosen):
        raise UsageError(f"--relations {relations}: one of them stands there twice")
    sizes = length or [256]
    result: dict[str, Any] = {
        "command": f"minictl bench loss {' '.join(f'--length {n}' for n in sizes)} --relations {','.join(chosen)} --rounds {rounds}"
        f" --repeats {repeats}",
        "relations": chosen,
        "rounds": rounds,
        "environment": environment("torch"),
        "lengths": [_at(size, chosen, rounds, repeats) for size in sizes],
    }
    deliver(result, output, _table, as_json=as_json)


def _at(longest: int, relations: list[str], rounds: int, repeats: int) -> dict[str, Any]:
    """The figures of all contestants at one length."""
    from reldistill.cost import plain_loss_flops
    from reldistill_cli.bench.contest import Spread, take_turns
    from reldistill_cli.bench.loss_contest import CONTESTANTS, WIDTHS, lengths

    module = "reldistill_cli.bench.loss_contest"
    commands = {n: ("-m", module, n, str(longest), ",".join(relations), str(repeats)) for n in CONTESTANTS}

    def on_run(name: str, number: int, run: Run) -> None:
        console().print(f"{longest} tokens, round {number + 1} of {rounds}, {name}: {1e3 * run.seconds:,.1f} ms")

    runs = take_turns(commands, rounds, on_run)
    rates = Spread.of([json.loads(run.digest)["matrix_product_rate"] for each in runs.values() for run in each])
    flops = plain_loss_flops(*WIDTHS, len(relations), sum(n * n for n in lengths(longest))).total
    return {
        "longest": longest,
        "lengths": lengths(longest),
        "flops": flops,
        "matrix_product_gflops": {name: rate / 1e9 for name, rate in asdict(rates).items()},
        "contestants": {
            name: {
                "what": CONTESTANTS[name],
                "loss": json.loads(each[0].digest)["loss"],
                "milliseconds": asdict(Spread.of([1e3 * run.seconds for run in each])),
                "times_the_native_kernel": asdict(
                    Spread.of([run.seconds / ours.seconds for run, ours in zip(each, runs["native"], strict=True)])
                ),
                "added_mib": asdict(Spread.of([json.loads(run.digest)["added_mib"] for run in each])),
                "share_of_matrix_product_rate": asdict(
                    Spread.of([flops / run.seconds / rates.greatest for run in each])
                ),
            }
            for name, each in runs.items()
        },
    }


def _table(result: dict[str, Any]) -> None:
    from reldistill_cli.bench.contest import spread_in_words

    for found in result["lengths"]:
        typer.echo(f"at most {found['longest']} tokens, relations {', '.join(result['relations'])}")
        typer.echo(f"  {'':<16}{'milliseconds':>26}{'times native':>26}{'added MiB':>11}{'of the rate':>13}")
        for name, figures in found["contestants"].items():
            typer.echo(
                f"  {name:<16}{spread_in_words(figures['milliseconds']):>26}"
                f"{spread_in_words(figures['times_the_native_kernel']):>26}{figures['added_mib']['median']:>11.0f}"
                f"{figures['share_of_matrix_product_rate']['median']:>13.0%}"
            )
