"""Peak memory of building a corpus, of 60 MB and of 600 MB of text: it is bounded if it does not grow.

    python benchmarks/tokenizing_memory.py TEXT --tokenizer FILE [--tokenizer FILE …] [--sizes 60 600] [--rounds 3]

TEXT is a .txt, plain or .gz, a document a line; it is repeated, or cut, to each size in a temporary folder. Each build runs
in a process of its own with two threads. Beside it stand what Python with the loader takes before it does anything, and
what a process takes that opens the tokenizer with the `tokenizers` package and does nothing else.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reldistill_cli.bench.contest import Run, Spread, environment, measure, take_turns

THREADS = 2
BLOCK = 1 << 20


def build(tokenizer: str, text: str) -> None:
    """Build a corpus and print a run."""
    from reldistill_loader import tokenize

    with tempfile.TemporaryDirectory(dir=Path(text).parent) as scratch:
        output = Path(scratch) / "corpus"
        measure(
            lambda: tokenize(text, tokenizer, output, threads=THREADS),
            lambda: json.loads((output / "manifest.json").read_bytes())["checksum"],
        )


def open_alone(tokenizer: str) -> None:
    """Open a tokenizer with the library and print a run."""
    from tokenizers import Tokenizer

    opened: list[Tokenizer] = []
    measure(lambda: opened.append(Tokenizer.from_file(tokenizer)), lambda: str(opened[0].get_vocab_size()))


def nothing() -> None:
    """Load the loader, and print a run."""
    import reldistill_loader

    measure(lambda: None, lambda: reldistill_loader.__name__)


WORK: dict[str, Callable[..., None]] = {"build": build, "open": open_alone, "nothing": nothing}


def repeated(text: Path, size: int, target: Path) -> None:
    """Whole lines of ``text``, over and over, of about ``size`` bytes."""
    if text.stat().st_size == 0:
        sys.exit(f"{text} is empty")
    written = 0
    with target.open("wb") as file:
        while written < size:
            with gzip.open(text) if text.suffix == ".gz" else text.open("rb") as source:
                while written < size and (lines := source.readlines(BLOCK)):
                    file.writelines(lines)
                    written += sum(map(len, lines))


def measured(text: Path, tokenizers: list[Path], sizes: list[int], rounds: int) -> dict[str, Any]:
    """The figures of all tokenizers."""

    def on_run(name: str, number: int, run: Run) -> None:
        print(f"round {number + 1} of {rounds}, {name}: {run.peak_mib:.0f} MiB", file=sys.stderr)

    def peaks(runs: list[Run]) -> dict[str, float]:
        return asdict(Spread.of([run.peak_mib for run in runs]))

    me = str(Path(__file__).resolve())
    with tempfile.TemporaryDirectory() as scratch:
        texts = {size: Path(scratch) / f"{size}.txt" for size in sizes}
        for size, target in texts.items():
            repeated(text, size * 10**6, target)
        found = []
        for tokenizer in tokenizers:
            model = json.loads(tokenizer.read_bytes())["model"]
            label = f"{model['type']}, {len(model['vocab']):,} tokens"
            commands = {f"{label}, opened by the library": (me, "--work", "open", str(tokenizer))} | {
                f"{label}, {size} MB": (me, "--work", "build", str(tokenizer), str(target))
                for size, target in texts.items()
            }
            opened, *builds = take_turns(commands, rounds, on_run).values()
            found.append({
                "tokenizer": label,
                "library_opens_it_mib": peaks(opened),
                "builds": [
                    {"text_bytes": target.stat().st_size, "peak_mib": peaks(runs)}
                    for target, runs in zip(texts.values(), builds, strict=True)
                ],
            })  # fmt: skip
        alone = take_turns({"python with the loader": (me, "--work", "nothing")}, rounds, on_run)
    return {"python_with_the_loader_mib": peaks(next(iter(alone.values()))), "tokenizers": found}


def main() -> None:
    """Measure and write, or do the work of one process."""
    if sys.argv[1:2] == ["--work"]:
        WORK[sys.argv[2]](*sys.argv[3:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("--tokenizer", type=Path, action="append", required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[60, 600], help="of the text, in MB")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "tokenizing_memory.json")
    options = parser.parse_args()
    sizes = " ".join(map(str, options.sizes))
    result = {
        "command": f"python benchmarks/tokenizing_memory.py {options.text.name} --sizes {sizes} --rounds {options.rounds}",
        "text": options.text.name,
        "rounds": options.rounds,
        "threads": THREADS,
        "environment": environment("tokenizers"),
        **measured(options.text, options.tokenizer, options.sizes, options.rounds),
    }
    options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
