"""``minictl bench``: this machine's figures, side by side with other libraries."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reldistill_cli.commands.bench_load import load
from reldistill_cli.commands.bench_loss import loss
from reldistill_cli.commands.bench_step import step
from reldistill_cli.output import console

if TYPE_CHECKING:
    from reldistill_cli.bench.contest import Run

app = typer.Typer(no_args_is_help=True, help="Measure this machine, side by side with other libraries.")
app.command("load")(load)
app.command("loss")(loss)
app.command("step")(step)


@app.callback()
def bench() -> None:
    """Measure this machine, side by side with other libraries."""


@app.command("tokenize")
def tokenize(
    text: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A .txt file, a document a line.")],
    tokenizer: Annotated[list[Path], typer.Option(exists=True, dir_okay=False, help="A tokenizer.json. Repeatable.")],
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each; they take turns.")] = 5,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the JSON here too.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Tokenise a text with the loader, with tokenizers' encode_batch_fast and with datasets' map.

    Example: minictl bench tokenize brown.txt --tokenizer bert/tokenizer.json --rounds 5
    """
    from reldistill_cli.bench.contest import environment
    from reldistill_cli.bench.result import check_output, deliver

    check_output(output)
    measured = {"text_bytes": text.stat().st_size, "text": text.name, "rounds": rounds}
    result: dict[str, Any] = {
        "command": f"minictl bench tokenize {text.name} --rounds {rounds}",
        **measured,
        "environment": environment("tokenizers", "transformers", "datasets"),
        "tokenizers": [_tokenizer(text, file, rounds) for file in tokenizer],
    }
    deliver(result, output, _table, as_json=as_json)


def _tokenizer(text: Path, tokenizer: Path, rounds: int) -> dict[str, Any]:
    """The figures of all contestants with one tokenizer."""
    from reldistill_cli.bench.contest import Spread, take_turns
    from reldistill_cli.bench.tokenizing import CONTESTANTS

    model = json.loads(tokenizer.read_bytes())["model"]
    label = f"{model['type']}, {len(model['vocab']):,} tokens"
    megabytes = text.stat().st_size / 1e6

    def on_run(name: str, number: int, run: Run) -> None:
        console().print(
            f"{label}: round {number + 1} of {rounds}, {name}: {megabytes / run.cpu_seconds:.1f} MB per CPU-second"
        )

    module = "reldistill_cli.bench.tokenizing"
    commands = {name: ("-m", module, name, str(tokenizer), str(text)) for name in CONTESTANTS}
    threads = {"RAYON_NUM_THREADS": "2", "TOKENIZERS_PARALLELISM": "true"}
    runs = take_turns(commands, rounds, on_run, **threads)
    ours = runs["reldistill"]
    return {
        "tokenizer": label,
        "ids_equal": len({run.digest for each in runs.values() for run in each}) == 1,
        "contestants": {
            name: {
                "what": CONTESTANTS[name],
                "mb_per_cpu_second": asdict(Spread.of([megabytes / run.cpu_seconds for run in each])),
                "mb_per_second": asdict(Spread.of([megabytes / run.seconds for run in each])),
                "peak_mib": asdict(Spread.of([run.peak_mib for run in each])),
                "cpu_times_ours": asdict(
                    Spread.of([theirs.cpu_seconds / mine.cpu_seconds for mine, theirs in zip(ours, each, strict=True)])
                ),
            }
            for name, each in runs.items()
        },
    }


def _table(result: dict[str, Any]) -> None:
    from reldistill_cli.bench.contest import spread_in_words

    for found in result["tokenizers"]:
        equal = "all ids equal" if found["ids_equal"] else "IDS DIFFER"
        typer.echo(f"{found['tokenizer']}; {equal}")
        typer.echo(f"  {'':<12}{'MB per CPU-second':>26}{'MB/s':>10}{'peak MiB':>10}{'CPU time, ours = 1':>26}")
        for name, figures in found["contestants"].items():
            speed, ratio = figures["mb_per_cpu_second"], figures["cpu_times_ours"]
            typer.echo(
                f"  {name:<12}{spread_in_words(speed):>26}{figures['mb_per_second']['median']:>10.1f}"
                f"{figures['peak_mib']['median']:>10.0f}{spread_in_words(ratio):>26}"
            )
