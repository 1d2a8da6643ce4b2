"""``minictl bench load``: how fast batches come, side by side with other libraries."""

from __future__ import annotations

import random
import time
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reldistill.errors import UsageError
from reldistill_cli.output import console

if TYPE_CHECKING:
    from reldistill_cli.bench.contest import Run


def load(
    corpus: Annotated[Path, typer.Argument(help="Folder of a corpus.")],
    batch_size: Annotated[int, typer.Option(min=1, help="Sequences in a batch.")] = 256,
    seconds: Annotated[float, typer.Option(min=0.01, help="Length of a run.")] = 2.0,
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each; they take turns.")] = 5,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the JSON here too.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Feed batches of a corpus into torch with the loader, a NumPy memory map, datasets, and others where installed.

    The others: litdata, mosaicml-streaming, webdataset and grain.

    Example: minictl bench load corpus --batch-size 256
    """
    from reldistill_cli.bench.contest import Spread, environment, take_turns
    from reldistill_cli.bench.feeding import CONTESTANTS, NEEDS
    from reldistill_cli.bench.result import check_output, deliver
    from reldistill_loader import Corpus

    check_output(output)
    opened = Corpus.open(corpus)
    longest = opened.manifest.max_length
    if (windows := opened.tokens // longest) <= batch_size:
        raise UsageError(
            f"{corpus} is too small to measure: it fills {windows:,} rows of {longest} tokens, a batch takes {batch_size:,}",
            hint="Give a larger corpus or a smaller --batch-size.",
        )
    names = [name for name in CONTESTANTS if name not in NEEDS or find_spec(NEEDS[name])]
    module = "reldistill_cli.bench.feeding"
    commands = {name: ("-m", module, name, str(corpus), str(batch_size), str(seconds)) for name in names}

    def on_run(name: str, number: int, run: Run) -> None:
        speed = tokens(run) / run.seconds / 1e6
        console().print(f"round {number + 1} of {rounds}, {name}: {speed:,.1f} million tokens a second")

    runs = take_turns(commands, rounds, on_run)
    ours = runs["reldistill"]
    result: dict[str, Any] = {
        "command": f"minictl bench load {corpus.name} --batch-size {batch_size} --seconds {seconds:g} --rounds {rounds}",
        "batch_size": batch_size,
        "seconds": seconds,
        "rounds": rounds,
        "corpus": {
            "sequences": len(opened), "tokens": opened.tokens, "mean_length": opened.tokens / len(opened),
            "max_length": longest, "dtype": opened.manifest.dtype,
        },
        "environment": environment("torch", "numpy", "datasets", "transformers", *NEEDS),
        "contestants": {
            name: {
                "what": CONTESTANTS[name],
                "million_tokens_per_second": asdict(Spread.of([tokens(run) / run.seconds / 1e6 for run in each])),
                "cpu_milliseconds_per_batch": asdict(Spread.of([1e3 * run.cpu_seconds / batches(run) for run in each])),
                "peak_mib": asdict(Spread.of([run.peak_mib for run in each])),
                "ours_is_faster_by": asdict(
                    Spread.of([
                        tokens(mine) / mine.seconds / (tokens(theirs) / theirs.seconds)
                        for mine, theirs in zip(ours, each, strict=True)
                    ])
                ),
            }
            for name, each in runs.items()
        },
        "milliseconds_to_a_batch": {
            name: asdict(Spread.of(values)) for name, values in _waits(corpus, batch_size, max(rounds, 20)).items()
        },
        "seconds_for_all_sequences": {
            name: asdict(Spread.of(values)) for name, values in _checking(corpus, batch_size, max(rounds, 5)).items()
        },
    }  # fmt: skip
    deliver(result, output, _table, as_json=as_json)


def tokens(run: Run) -> int:
    """Tokens that a run fed, without padding."""
    return int(run.digest.split()[0])


def batches(run: Run) -> int:
    """Batches that a run fed."""
    return int(run.digest.split()[1])


def _waits(corpus: Path, batch_size: int, times: int) -> dict[str, list[float]]:
    """Milliseconds from an open corpus to its first batch, and from loading a state to the batch there."""
    from reldistill_loader import Corpus

    first, resumed = [], []
    places = random.Random(0)
    for _ in range(times):
        opened = Corpus.open(corpus)
        started = time.perf_counter()
        fed = opened.batches(batch_size=batch_size)
        next(fed)
        first.append(1e3 * (time.perf_counter() - started))
        state = fed.state_dict() | {"next_batch": places.randrange(10**12)}
        opened = Corpus.open(corpus)
        started = time.perf_counter()
        fed = opened.batches(batch_size=batch_size)
        fed.load_state_dict(state)
        next(fed)
        resumed.append(1e3 * (time.perf_counter() - started))
    return {"first": first, "resumed": resumed}


def _checking(corpus: Path, batch_size: int, times: int) -> dict[str, list[float]]:
    """Seconds for each sequence once, of a corpus just opened, with checksums and without, in turns."""
    from reldistill_loader import Corpus

    found: dict[str, list[float]] = {"checked": [], "unchecked": [], "checked_times_unchecked": []}
    for _ in range(times):
        for name, verify in (("checked", "first_touch"), ("unchecked", "none")):
            opened = Corpus.open(corpus, verify=verify)  # type: ignore[arg-type]
            fed = opened.batches(batch_size=batch_size, prefetch=0)
            started = time.perf_counter()
            for _ in range(-(-len(opened) // batch_size)):
                next(fed)
            found[name].append(time.perf_counter() - started)
        found["checked_times_unchecked"].append(found["checked"][-1] / found["unchecked"][-1])
    return found


def _table(result: dict[str, Any]) -> None:
    from reldistill_cli.bench.contest import spread_in_words

    mean = result["corpus"]["mean_length"]
    typer.echo(f"{result['batch_size']} sequences a batch, {mean:.0f} tokens on average; {result['rounds']} rounds")
    typer.echo(f"  {'':<22}{'million tokens/s':>26}{'CPU ms/batch':>14}{'peak MiB':>10}{'ours is faster by':>26}")
    for name, figures in result["contestants"].items():
        typer.echo(
            f"  {name:<22}{spread_in_words(figures['million_tokens_per_second']):>26}"
            f"{figures['cpu_milliseconds_per_batch']['median']:>14.2f}{figures['peak_mib']['median']:>10.0f}"
            f"{spread_in_words(figures['ours_is_faster_by']):>26}"
        )
    waits, checking = result["milliseconds_to_a_batch"], result["seconds_for_all_sequences"]
    typer.echo(
        f"  first batch after opening: {spread_in_words(waits['first'])} ms, resumed: {spread_in_words(waits['resumed'])} ms"
    )
    typer.echo(
        f"  all sequences once, with checksums over without: {spread_in_words(checking['checked_times_unchecked'], 2)} times the time"
    )
