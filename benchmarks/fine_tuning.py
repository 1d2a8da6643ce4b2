"""Is what `minictl eval` trains as good as what a plain loop trains, and how long do the two take?

    python benchmarks/fine_tuning.py mrpc --model DIR --data-dir DIR [--epochs 3] [--learning-rate 5e-5] [--seeds 1,2,3]

The peer is what the documentation of transformers shows: `AutoModelForSequenceClassification`, rows in random order, padded to
the longest of the batch, torch's AdamW, `get_linear_schedule_with_warmup`. It reads the official files by itself, and shares
no code with the toolkit. Both have the same rows, length, batch, learning rate, warm-up, decay, clipping and precision, and
take turns, a seed each. Differences that stay: batches of like length here, other random numbers, loading and scoring.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    get_linear_schedule_with_warmup,
)

from reldistill.config import EvalConfig
from reldistill.distillation.device import precision_name, resolve_precision
from reldistill.evaluation.run import evaluate
from reldistill_cli.bench.contest import Spread, environment

FOLDERS = {"mrpc": "MRPC", "rte": "RTE"}
NO_DECAY = ("bias", "LayerNorm.weight")
LENGTH, BATCH = 128, 32


def rows(folder: Path, task: str, split: str) -> list[tuple[str, str, str]]:
    """First text, second text, label."""
    with (folder / FOLDERS[task] / f"{split}.tsv").open(encoding="utf-8-sig", newline="") as file:
        found = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [(row["sentence1"], row["sentence2"], row["label"]) for row in found]


def peer(arguments: argparse.Namespace, seed: int, precision: torch.dtype) -> float:
    """Accuracy on dev, in percent."""
    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    train, dev = (rows(arguments.data_dir, arguments.task, split) for split in ("train", "dev"))
    names = sorted({label for *_, label in train})
    collate = DataCollatorWithPadding(tokenizer)

    def features(of: list[tuple[str, str, str]]) -> Any:
        encoded = tokenizer([a for a, _, _ in of], [b for _, b, _ in of], truncation=True, max_length=LENGTH)
        keys = list(encoded)
        return [{k: encoded[k][i] for k in keys} | {"labels": names.index(row[2])} for i, row in enumerate(of)]

    model: Any = AutoModelForSequenceClassification.from_pretrained(arguments.model, num_labels=len(names))
    parameters = list(model.named_parameters())
    decayed = [p for name, p in parameters if not name.endswith(NO_DECAY)]
    kept = [p for name, p in parameters if name.endswith(NO_DECAY)]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.01}, {"params": kept, "weight_decay": 0.0}],
        lr=arguments.learning_rate,
        eps=1e-6,
    )
    batches: Any = DataLoader(features(train), batch_size=BATCH, shuffle=True, collate_fn=collate)
    steps = len(batches) * arguments.epochs
    schedule: Any = get_linear_schedule_with_warmup(optimizer, round(0.1 * steps), steps)
    low = precision != torch.float32
    model.train()
    for _ in range(arguments.epochs):
        for batch in batches:
            with torch.autocast("cpu", precision, enabled=low):
                loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
    model.eval()
    right = 0
    with torch.inference_mode(), torch.autocast("cpu", precision, enabled=low):
        scored: Any = DataLoader(features(dev), batch_size=BATCH, collate_fn=collate)
        for batch in scored:
            right += int((model(**batch).logits.argmax(-1) == batch["labels"]).sum())
    return 100 * right / len(dev)


def ours(arguments: argparse.Namespace, seed: int, scratch: str) -> float:
    """The same by the toolkit."""
    config = EvalConfig(
        model=str(arguments.model), data_dir=str(arguments.data_dir), learning_rates=(arguments.learning_rate,),
        epochs=(arguments.epochs,), seeds=(seed,), max_length=LENGTH, batch_size=BATCH, device="cpu", output=scratch,
    )  # fmt: skip
    result = evaluate(arguments.task, config)
    assert result is not None
    return float(result.content["scores"]["dev"]["accuracy"]["median"])


def main() -> None:
    """Both in turns; one JSON object on stdout."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=FOLDERS)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--seeds", default="1,2,3")
    arguments = parser.parse_args()
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    precision = resolve_precision("auto", torch.device("cpu"))
    measured: dict[str, list[dict[str, float]]] = {"minictl eval": [], "plain loop": []}
    for seed in seeds:
        with tempfile.TemporaryDirectory() as scratch:
            for name in measured:
                began = time.perf_counter()
                accuracy = (
                    ours(arguments, seed, scratch) if name == "minictl eval" else peer(arguments, seed, precision)
                )
                seconds = time.perf_counter() - began
                measured[name].append({"seed": seed, "accuracy": accuracy, "seconds": round(seconds, 1)})
                print(f"{name}, seed {seed}: accuracy {accuracy:.2f}, {seconds:.0f} s", file=sys.stderr)
    ratios = [b["seconds"] / a["seconds"] for a, b in zip(*measured.values(), strict=True)]
    result = {
        "command": f"python benchmarks/fine_tuning.py {arguments.task} --epochs {arguments.epochs} "
        f"--learning-rate {arguments.learning_rate:g} --seeds {arguments.seeds}",
        "model": arguments.model.name,
        "precision": precision_name(precision),
        "environment": environment("torch", "transformers")
        | {"threads": torch.get_num_threads(), "load": round(os.getloadavg()[0], 2)},
        "runs": measured,
        "accuracy": {name: asdict(Spread.of([run["accuracy"] for run in of])) for name, of in measured.items()},
        "times faster than the plain loop": asdict(Spread.of(ratios)),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
