"""The loss alone, forward and backward: the tiled kernel, the reference, and two peers written from the formula.

    python benchmarks/relation_loss.py [--rounds 7] [--length 256] [--output FILE]

Peers: ``padded``, what implementations of MiniLM usually do (rows padded to the longest, all maps of the batch at once,
a mask, one loop over examples to average over real tokens), and ``padded batched``, the same without the loop. All
run on the same ragged batch in turns; reported are medians, their spread, the ratio to the tiled kernel and the
peak of memory that each adds. The limit is the matrix product: the operations of equations 7 and 8 and of their
gradients, as they are written, against the highest rate of large products measured in the same run.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import kl_div, log_softmax, pad

from reldistill import AttentionStates, PairRelation, relation_loss
from reldistill.cost import measured_rate, plain_loss_flops
from reldistill.states import cumulative_lengths

HEADS, TEACHER_WIDTH, STUDENT_WIDTH, SEQUENCES = 48, 768, 384, 8
RELATIONS = [PairRelation(name, name, name) for name in ("query", "key", "value")]
KINDS = ("query", "key", "value")


def states(lengths: Sequence[int], width: int, *, requires_grad: bool) -> AttentionStates:
    """Random states, as far apart as those of a student that has not learned yet."""
    query, key, value = (torch.randn(sum(lengths), width).requires_grad_(requires_grad) for _ in KINDS)
    return AttentionStates(query, key, value, None, cumulative_lengths(lengths), tuple(lengths))


def padded_rows(state: Tensor, lengths: Sequence[int]) -> Tensor:
    """``[sequences, heads, longest, width of a head]``."""
    rows = torch.stack([pad(part, (0, 0, 0, max(lengths) - len(part))) for part in state.split(list(lengths))])
    split: Tensor = rows.unflatten(-1, (HEADS, -1)).transpose(1, 2)
    return split


def padded_maps(state: Tensor, lengths: Sequence[int], mask: Tensor) -> Tensor:
    """Log relations of the whole batch, ``[sequences, heads, longest, longest]``."""
    rows = padded_rows(state, lengths)
    logits = rows @ rows.mT / rows.shape[-1] ** 0.5
    return log_softmax(logits.masked_fill(~mask[:, None, None, :], torch.finfo(logits.dtype).min), dim=-1)


def padded(teacher: AttentionStates, student: AttentionStates, *, loop: bool) -> Tensor:
    """The loss on padded rows; ``loop``: averaged example by example."""
    lengths = student.lengths
    mask = torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]
    total = torch.zeros(())
    for kind in KINDS:
        theirs = padded_maps(teacher.require(kind), lengths, mask)
        ours = padded_maps(student.require(kind), lengths, mask)
        if loop:
            for example, length in enumerate(lengths):
                part = kl_div(
                    ours[example, :, :length, :length],
                    theirs[example, :, :length, :length],
                    reduction="sum",
                    log_target=True,
                )
                total = total + part / (HEADS * length)
        else:
            rows = kl_div(ours, theirs, reduction="none", log_target=True).sum(-1) * mask[:, None, :]
            total = total + (rows.sum((1, 2)) / (HEADS * torch.tensor(lengths))).sum()
    return total / len(lengths)


def contestants(teacher: AttentionStates, student: AttentionStates) -> dict[str, Callable[[], Tensor]]:
    """Name -> a function that gives the loss."""
    relations = dict.fromkeys(RELATIONS, 1.0)
    return {
        "tiled": lambda: relation_loss(teacher, student, relations, HEADS, kernel="tiled").total,
        "reference": lambda: relation_loss(teacher, student, relations, HEADS, kernel="reference").total,
        "padded": lambda: padded(teacher, student, loop=True),
        "padded batched": lambda: padded(teacher, student, loop=False),
    }


def batch(length: int) -> tuple[AttentionStates, AttentionStates]:
    """Eight sequences, the longest of ``length`` tokens, the shortest of half as many."""
    torch.manual_seed(0)
    lengths = [length - index * length // (2 * SEQUENCES) for index in range(SEQUENCES)]
    return states(lengths, TEACHER_WIDTH, requires_grad=False), states(lengths, STUDENT_WIDTH, requires_grad=True)


def peak_memory(name: str, length: int) -> float:
    """MiB that one loss and its gradient add to a fresh process at their peak."""
    command = [sys.executable, __file__, "--memory-of", name, "--length", str(length)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def added_memory(name: str, length: int) -> float:
    """The same, in this process: the growth of its highest resident size, in MiB. Linux only."""
    teacher, student = batch(length)
    # What libraries take once is taken before the measurement, on a batch too small to matter.
    contestants(*batch(8))[name]().backward()
    before = highest_resident_size()
    contestants(teacher, student)[name]().backward()
    return (highest_resident_size() - before) / 1024


def highest_resident_size() -> int:
    """KiB, of this program alone: what getrusage says also counts the process that started it."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def measure(length: int, rounds: int) -> dict[str, Any]:
    """Interleaved rounds of all contestants on one batch."""
    teacher, student = batch(length)
    entries = contestants(teacher, student)
    values: dict[str, float] = {}
    times: dict[str, list[float]] = {name: [] for name in entries}
    for round_ in range(rounds + 1):
        for name, loss in entries.items():
            for _, state in student.present():
                state.grad = None
            start = time.perf_counter()
            value = loss()
            value.backward()
            if round_:
                times[name].append(time.perf_counter() - start)
            values[name] = float(value.detach())
    rate = measured_rate(torch.device("cpu"), torch.float32, 1.0)
    squares = sum(n * n for n in student.lengths)
    operations = plain_loss_flops(TEACHER_WIDTH, STUDENT_WIDTH, len(RELATIONS), squares).total
    return {
        "machine": {
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "processor": platform.processor() or platform.machine(),
        },
        "workload": {
            "sequences": SEQUENCES,
            "lengths": student.lengths,
            "relation_heads": HEADS,
            "widths": [TEACHER_WIDTH, STUDENT_WIDTH],
            "relations": [relation.name for relation in RELATIONS],
            "rounds": rounds,
        },
        "matrix_product_gflops": rate / 1e9,
        "results": {
            name: {
                "loss": values[name],
                "seconds": {"median": median(spent), "least": min(spent), "most": max(spent)},
                "slower_than_tiled": {
                    "median": median(a / b for a, b in zip(spent, times["tiled"], strict=True)),
                    "least": min(a / b for a, b in zip(spent, times["tiled"], strict=True)),
                    "most": max(a / b for a, b in zip(spent, times["tiled"], strict=True)),
                },
                "added_memory_mib": peak_memory(name, length),
                "share_of_matrix_product_rate": operations / median(spent) / rate,
            }
            for name, spent in times.items()
        },
    }


def show(found: dict[str, Any]) -> None:
    """A table on stdout."""
    print(f"lengths {found['workload']['lengths']}, {found['machine']['threads']} threads")
    for name, row in found["results"].items():
        seconds, ratio = row["seconds"], row["slower_than_tiled"]
        print(
            f"{name:<15} {seconds['median'] * 1e3:8.1f} ms ({seconds['least'] * 1e3:.1f} to {seconds['most'] * 1e3:.1f})  "
            f"{ratio['median']:5.2f} × tiled ({ratio['least']:.2f} to {ratio['most']:.2f})  "
            f"+{row['added_memory_mib']:.0f} MiB  {row['share_of_matrix_product_rate']:.0%} of the matrix product rate"
        )


def main() -> None:
    """Measure and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "relation_loss.json")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_of:
        print(added_memory(options.memory_of, options.length))
        return
    found = measure(options.length, options.rounds)
    show(found)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
