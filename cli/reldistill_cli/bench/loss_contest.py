"""Contestants of ``minictl bench loss``: the loss alone, forward and backward, on one ragged batch of random states.

python -m reldistill_cli.bench.loss_contest CONTESTANT LONGEST RELATIONS REPEATS
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from itertools import accumulate
from statistics import median
from typing import Any

import torch
from torch import Tensor

from reldistill import AttentionStates, PairRelation, relation_loss
from reldistill.cost import matrix_product_rate
from reldistill_cli.bench.contest import Run, peak_mib
from reldistill_cli.bench.padded_peers import LETTERS, batched_loss, looped_loss
from reldistill_cli.bench.workloads import RELATION_HEADS

__all__ = ["CONTESTANTS", "SEQUENCES", "WIDTHS", "lengths"]

CONTESTANTS = {
    "native": "the compiled kernel, which a CPU takes",
    "tiled": "the same tiles in torch",
    "reference": "the formula in plain lines, one sequence at a time",
    "padded": "rows padded to the longest, all maps at once, a loop over examples",
    "padded batched": "the same without the loop",
}
WIDTHS = (768, 384)
SEQUENCES = 8


def lengths(longest: int) -> tuple[int, ...]:
    """Eight sequences, the shortest just over half as long as the longest."""
    return tuple(max(1, longest - index * longest // (2 * SEQUENCES)) for index in range(SEQUENCES))


def states(longest: int, width: int) -> dict[str, Tensor]:
    """As far apart as those of a student that has not learned yet."""
    return {name: torch.randn(sum(lengths(longest)), width) for name in LETTERS.values()}


def padded_rows(packed: Mapping[str, Tensor], longest: int) -> dict[str, Tensor]:
    """``[sequences, longest, width]`` each."""
    rows = {name: state.split(list(lengths(longest))) for name, state in packed.items()}
    return {name: torch.nn.utils.rnn.pad_sequence(list(parts), batch_first=True) for name, parts in rows.items()}


def loss_of(name: str, longest: int, relations: list[str]) -> tuple[Callable[[], Tensor], list[Tensor]]:
    """A function that gives the loss, and the student's states."""
    teacher, student = (states(longest, width) for width in WIDTHS)
    for state in student.values():
        state.requires_grad_()
    leaves, each = list(student.values()), lengths(longest)
    if name.startswith("padded"):
        mask = torch.arange(longest)[None] < torch.tensor(each)[:, None]
        loss = batched_loss if name == "padded batched" else looped_loss
        theirs = padded_rows(teacher, longest)  # models that pad have them so
        return lambda: loss(theirs, padded_rows(student, longest), relations, RELATION_HEADS, mask), leaves
    ends = torch.tensor([0, *accumulate(each)], dtype=torch.int32)
    packed = [AttentionStates(s["query"], s["key"], s["value"], None, ends, each) for s in (teacher, student)]
    weights = {PairRelation(r, LETTERS[r[0]], LETTERS[r[1]]): 1.0 for r in relations}
    kernel: Any = name
    return lambda: relation_loss(packed[0], packed[1], weights, RELATION_HEADS, kernel=kernel).total, leaves


def main() -> None:
    """One run that is not counted, then the others; the median of them is the time."""
    name, longest, relations, repeats = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(","), int(sys.argv[4])
    torch.manual_seed(0)
    # What libraries take once is taken on a batch too small to matter.
    small, _ = loss_of(name, 8, relations)
    small().backward()
    loss, leaves = loss_of(name, longest, relations)
    base, times, value = peak_mib(), [], 0.0
    for number in range(repeats + 1):
        for leaf in leaves:
            leaf.grad = None
        started = time.perf_counter()
        total = loss()
        total.backward()
        if number:
            times.append(time.perf_counter() - started)
        value = float(total.detach())
    added = peak_mib() - base
    rate = matrix_product_rate(torch.device("cpu"), torch.float32).rate
    found = {"loss": value, "added_mib": added, "matrix_product_rate": rate}
    print(json.dumps(asdict(Run(median(times), 0.0, peak_mib(), json.dumps(found)))))


if __name__ == "__main__":
    main()
