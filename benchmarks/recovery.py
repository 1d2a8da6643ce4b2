"""What it costs to be able to go on: a save, what each step does for it, the start, and two processes in place of one.

    python benchmarks/recovery.py [--rounds 3]

A BERT of 12×768 with 30,522 words and random weights, written to a temporary folder, teaches a 6×384 student: qq,kk,vv,
48 relation heads, sequences of at most 128 tokens, a corpus that is built. Each run is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from reldistill import DistillConfig, distill
from reldistill.distillation import Reporter
from reldistill.distillation.metrics_file import MetricsFile
from reldistill.distillation.random_state import random_state
from reldistill.distillation.training import SAVE_INTERVAL
from reldistill_cli.bench.contest import Spread, environment

WORDS, SEQUENCES, BATCH = 30_522, 512, 32
CALLS = 2_000
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def write_teacher(folder: Path) -> None:
    """Random weights and a tokenizer of made-up words."""
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=WORDS)).save_pretrained(folder)
    words = [*SPECIAL, *(f"w{number}" for number in range(WORDS - len(SPECIAL)))]
    tokenizer = Tokenizer(models.WordPiece({word: k for k, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)


def write_text(path: Path) -> None:
    """Documents that fill a sequence each."""
    draw = random.Random(0)
    words = [f"w{number}" for number in range(20_000)]
    path.write_text("\n".join(" ".join(draw.choices(words, k=126)) for _ in range(SEQUENCES)))


def options(scratch: Path, name: str, **others: Any) -> dict[str, Any]:
    """Of a run."""
    sizes = {"max_length": 128, "batch_size": BATCH, "log_every": 1, "output": str(scratch / name)}
    return {"teacher": str(scratch / "teacher"), "data": (str(scratch / "text.txt"),), **sizes, **others}


def minictl(scratch: Path, name: str, **others: Any) -> tuple[float, list[dict[str, Any]]]:
    """Seconds from its start to the first row of metrics.jsonl, and all rows."""
    words = ["distill"]
    for key, value in options(scratch, name, **others).items():
        words += [f"--{key.replace('_', '-')}", value[0] if isinstance(value, tuple) else str(value)]
    metrics, started, first = scratch / name / "metrics.jsonl", time.perf_counter(), 0.0
    with subprocess.Popen([sys.executable, "-m", "reldistill_cli", *words], stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            if not first and metrics.is_file() and metrics.stat().st_size:
                first = time.perf_counter() - started
            time.sleep(0.02)
    if process.returncode:
        sys.exit(f"minictl {' '.join(words)} ended with {process.returncode}")
    return first, [json.loads(line) for line in metrics.read_text().splitlines()]


def imported(what: str) -> float:
    """Seconds that a process takes for it from start to end."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {what}"], check=True)
    return time.perf_counter() - started


def measured_start(scratch: Path, rounds: int) -> dict[str, Any]:
    """From the command to the first step, of one sequence, and what of it are imports."""
    minictl(scratch, "warm-up", steps=1, batch_size=1)
    first = [minictl(scratch, f"start-{k}", steps=1, batch_size=1)[0] for k in range(rounds)]
    return {
        "seconds_to_first_step": asdict(Spread.of(first)),
        "of_these_imports": {
            name: asdict(Spread.of([imported(name) for _ in range(rounds)]))
            for name in ("torch", "reldistill.distillation")
        },
    }


class Saves(Reporter):
    """Remembers how long each took."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def saved(self, step: int, seconds: float) -> None:
        self.seconds.append(seconds)


def measured_saves(scratch: Path, rounds: int) -> dict[str, Any]:
    """Time and bytes of a checkpoint."""
    saves = Saves()
    config = DistillConfig(**options(scratch, "saves", steps=2 * rounds, batch_size=2, checkpoint_every=1))
    distill(config, reporter=saves)
    newest = max((scratch / "saves" / "checkpoints").iterdir())
    size = sum(file.stat().st_size for file in newest.iterdir())
    seconds = asdict(Spread.of(saves.seconds))
    return {
        "mib": size / 2**20,
        "seconds": seconds,
        "mib_per_second": size / 2**20 / seconds["median"],
        "seconds_between_two": SAVE_INTERVAL,
        "share_of_time": seconds["median"] / (seconds["median"] + SAVE_INTERVAL),
    }


def each(work: Any) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    for _ in range(CALLS):
        work()
    return (time.perf_counter() - started) / CALLS


def measured_step(scratch: Path, row: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """What every step does so that it can be taken back, counted and logged, beside the step itself."""
    from reldistill_loader import Corpus

    cache = Path(os.environ["RELDISTILL_CACHE"])
    batches = Corpus.open(next((cache / "corpora").iterdir())).batches(batch_size=BATCH)
    next(batches)
    flag = torch.zeros(1, dtype=torch.bool)
    with MetricsFile(scratch / "rows.jsonl") as metrics:
        parts = {
            "position in the batches": each(batches.state_dict),
            "state of the random generators": each(lambda: random_state(torch.device("cpu"))),
            "is the gradient finite": each(lambda: torch.stack([flag]).tolist()),
            "a row of metrics.jsonl": each(lambda: metrics.write(dict(row))),
        }
    return {"microseconds": {name: 1e6 * value for name, value in parts.items()}, "step_seconds": seconds,
            "share_of_step": sum(parts.values()) / seconds}  # fmt: skip


def measured_processes(scratch: Path, rounds: int) -> tuple[dict[str, Any], dict[str, Any], float]:
    """Tokens a second of one process with all cores and of two with half of them, in turns; a row; seconds of a step."""
    speeds: dict[int, list[float]] = {1: [], 2: []}
    row: dict[str, Any] = {}
    for k in range(rounds):
        for processes, found in speeds.items():
            _, rows = minictl(scratch, f"processes-{processes}-{k}", steps=4, nproc=processes)
            found.append(Spread.of([r["tokens_per_second"] for r in rows[1:]]).median)
            row = rows[-1]
    ratios = [two / one for one, two in zip(speeds[1], speeds[2], strict=True)]
    tokens_a_step = row["tokens"] / row["step"]
    result = {
        "batch_size": BATCH,
        "tokens_per_second": {str(n): asdict(Spread.of(values)) for n, values in speeds.items()},
        "two_against_one": asdict(Spread.of(ratios)),
    }
    return result, row, tokens_a_step / Spread.of(speeds[1]).median


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "recovery.json")
    chosen = parser.parse_args()
    output = chosen.output.resolve()  # before the current folder becomes another
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        os.environ["RELDISTILL_CACHE"] = str(scratch / "cache")
        os.chdir(scratch)
        write_teacher(scratch / "teacher")
        write_text(scratch / "text.txt")
        start = measured_start(scratch, chosen.rounds)
        print(json.dumps(start), file=sys.stderr)
        saves = measured_saves(scratch, chosen.rounds)
        print(json.dumps(saves), file=sys.stderr)
        processes, row, seconds = measured_processes(scratch, chosen.rounds)
        step = measured_step(scratch, row, seconds)
    result = {
        "command": f"python benchmarks/recovery.py --rounds {chosen.rounds}",
        "teacher": f"12x768 BERT, {WORDS:,} words", "student": "6x384", "longest_sequence": 128, "rounds": chosen.rounds,
        "environment": environment("torch", "transformers", "safetensors"),
        "start": start, "checkpoint": saves, "each_step": step, "processes": processes,
    }  # fmt: skip
    output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
