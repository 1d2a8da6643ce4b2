"""A training step with and without ``--compile``, in turns, and what compiling costs before the first step is done.

    python benchmarks/compile.py [--tokens 2048 4096] [--precisions fp32 bf16] [--rounds 5]

Teacher 12×768 at its last layer, student 6×384 in training mode (with dropout), qq,kk,vv, 48 relation heads, packed
sequences of at most 128 tokens, another batch in each round, which both compute; a step is one micro-batch with its
optimiser step. Warm-up is what the compiled one's first three steps take beyond three of its later ones, with an empty
cache of compiled code.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.optim import AdamW
from transformers import BertConfig, BertModel

from reldistill import PackedTokens, Registry, StudentShape
from reldistill.distillation.device import PRECISIONS
from reldistill.distillation.objective import Objective
from reldistill.distillation.optimizer import make_optimizer
from reldistill.distillation.student import new_student
from reldistill.encoder import Encoder, compile_between_attention, load_teacher, student_encoder
from reldistill.layers import LayerPair
from reldistill.states import cumulative_lengths
from reldistill_cli.bench.contest import Spread, environment

LONGEST, HEADS, NEEDS = 128, 48, frozenset({"query", "key", "value"})
TEACHER, STUDENT = BertConfig(), StudentShape(6, 384)
STEPS_OF_A_RUN = 10_000
FIRST = 3


class Contestant:
    """A teacher, a student and its optimiser; the weights are the same whether compiled or not."""

    def __init__(self, checkpoint: Path, precision: torch.dtype, *, compiled: bool) -> None:
        registry = Registry.installed()
        adapter = registry.teachers.get("bert").thing
        teacher = load_teacher(checkpoint, TEACHER, adapter, [12], NEEDS, dtype=precision)
        model = new_student(adapter.student_config(TEACHER, STUDENT), seed=0)
        self.student: Encoder = student_encoder(model, adapter, [6], NEEDS).train()
        if compiled:
            compile_between_attention(teacher, adapter)
            compile_between_attention(self.student, adapter)
        relations = {registry.relations.get(name).thing: 1.0 for name in ("qq", "kk", "vv")}
        self.objective = Objective(teacher, [LayerPair(12, 6)], relations, HEADS, precision)
        self.optimizer: AdamW = make_optimizer(
            self.student, learning_rate=1e-4, beta2=0.999, epsilon=1e-6, weight_decay=0.01
        )

    def seconds(self, tokens: PackedTokens) -> float:
        """Of one step."""
        started = time.perf_counter()
        self.objective(self.student, tokens, len(tokens.lengths)).total.backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return time.perf_counter() - started


def batch(tokens: int, draw: random.Random) -> PackedTokens:
    """At most ``tokens`` tokens: most sequences near the longest, some short."""
    lengths: list[int] = []
    while sum(lengths) + LONGEST <= tokens:
        lengths.append(min(LONGEST, max(8, round(draw.gauss(110, 40)))))
    ids = torch.tensor([draw.randrange(1_000, TEACHER.vocab_size) for _ in range(sum(lengths))])
    positions = torch.cat([torch.arange(length) for length in lengths])
    return PackedTokens(ids, positions, cumulative_lengths(lengths), tuple(lengths))


def measured(checkpoint: Path, precision: str, sizes: list[int], rounds: int) -> dict[str, Any]:
    """Warm-up, and steady steps of each size."""
    draw = random.Random(0)
    plain, compiled = (Contestant(checkpoint, PRECISIONS[precision], compiled=on) for on in (False, True))
    plain.seconds(batch(sizes[0], draw))
    firsts = [compiled.seconds(batch(sizes[0], draw)) for _ in range(FIRST)]
    found = []
    for size in sizes:
        times: dict[str, list[float]] = {"plain": [], "compiled": []}
        for _ in range(rounds):
            tokens = batch(size, draw)
            for name, contestant in (("plain", plain), ("compiled", compiled)):
                times[name].append(contestant.seconds(tokens))
            print(
                f"{precision}, {size} tokens: {times['plain'][-1]:.2f} s, compiled {times['compiled'][-1]:.2f} s",
                file=sys.stderr,
            )
        found.append((size, times))
    warm_up = sum(firsts) - FIRST * median(found[0][1]["compiled"])
    return {
        "precision": precision,
        "warm_up_seconds": warm_up,
        "sizes": [{"tokens": size, **compared(times, warm_up)} for size, times in found],
    }


def compared(times: Mapping[str, list[float]], warm_up: float) -> dict[str, Any]:
    """Seconds of a step each way, and how much faster the compiled one is, alone and over a run with its warm-up."""
    ratios = [a / b for a, b in zip(times["plain"], times["compiled"], strict=True)]
    run = STEPS_OF_A_RUN * median(times["compiled"])
    return {
        "seconds_of_a_step": {name: asdict(Spread.of(spent)) for name, spent in times.items()},
        "compiled_is_faster_by": asdict(Spread.of(ratios)),
        "over_a_run_with_warm_up": median(ratios) * run / (run + warm_up),
    }


def main() -> None:
    """Measure and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, nargs="+", default=[2_048, 4_096])
    parser.add_argument("--precisions", nargs="+", choices=sorted(PRECISIONS), default=["fp32", "bf16"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "compile.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(Path(scratch) / "compiled")
        torch.manual_seed(0)
        BertModel(TEACHER).save_pretrained(Path(scratch) / "teacher")
        found = [measured(Path(scratch) / "teacher", p, options.tokens, options.rounds) for p in options.precisions]
    sizes, precisions = " ".join(map(str, options.tokens)), " ".join(options.precisions)
    result = {
        "command": f"python benchmarks/compile.py --tokens {sizes} --precisions {precisions} --rounds {options.rounds}",
        "teacher": "12x768, BERT", "student": "6x384", "relations": "qq,kk,vv", "relation_heads": HEADS,
        "longest_sequence": LONGEST, "rounds": options.rounds, "steps_of_a_run": STEPS_OF_A_RUN,
        "threads": torch.get_num_threads(), "environment": environment("torch", "transformers"),
        "precisions": found,
    }  # fmt: skip
    options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
