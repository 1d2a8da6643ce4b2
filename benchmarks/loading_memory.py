"""Memory of loading a teacher in bf16 from an fp32 checkpoint: ours, and the whole model read in fp32 and then converted.

    python benchmarks/loading_memory.py [--shapes 12x768:9 24x1024:19] [--rounds 3]

A shape is LAYERSxWIDTH:LAYER, an XLM-R of 250,002 words with random weights (written to a temporary folder) and the layer
that it is cut at. Each loading runs in a process of its own; what is counted is the anonymous memory that it adds, without
the pages of the checkpoint, which the system can take back. The checkpoint is in the page cache: the seconds are without
the disk.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, XLMRobertaConfig, XLMRobertaModel

from reldistill import Registry
from reldistill.encoder import load_teacher
from reldistill_cli.bench.anonymous_memory import AnonymousMemory
from reldistill_cli.bench.contest import Spread, environment

WORDS, POSITIONS = 250_002, 514
NEEDS = frozenset({"query", "key", "value"})


def ours(folder: str, layer: int) -> Callable[[], nn.Module]:
    """The teacher of a distillation, cut at ``layer``."""
    config, adapter = AutoConfig.from_pretrained(folder), Registry.installed().teachers.get("xlm-r").thing
    return lambda: load_teacher(Path(folder), config, adapter, [layer], NEEDS, dtype=torch.bfloat16)


def whole_then_converted(folder: str, layer: int) -> Callable[[], nn.Module]:
    """What one writes without thinking of it."""
    return lambda: AutoModel.from_pretrained(folder, dtype=torch.float32).to(torch.bfloat16)


WAYS = {"ours": ours, "whole in fp32, then to bf16": whole_then_converted}


def load(way: str, folder: str, layer: str) -> None:
    """Load once in this process and print what it took."""
    work = WAYS[way](folder, int(layer))
    # What libraries take once is no part of it.
    tiny = XLMRobertaConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    XLMRobertaModel(tiny).to(torch.bfloat16)  # type: ignore[arg-type]
    started = time.perf_counter()
    with AnonymousMemory() as memory:
        model = work()
    seconds = time.perf_counter() - started
    tensors = sum(t.numel() * t.element_size() for t in (*model.parameters(), *model.buffers()))
    print(json.dumps({"tensors": tensors / 2**20, "peak": memory.peak_mib, "seconds": seconds}))


def write_checkpoint(folder: Path, layers: int, width: int) -> None:
    """Random weights in fp32, as transformers saves them."""
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=WORDS, hidden_size=width, num_hidden_layers=layers, num_attention_heads=width // 64,
        intermediate_size=4 * width, max_position_embeddings=POSITIONS, type_vocab_size=1, pad_token_id=1,
    )  # fmt: skip
    XLMRobertaModel(config).save_pretrained(folder)


def measured(shape: str, rounds: int) -> dict[str, Any]:
    """All ways on one shape, in turns."""
    match = re.fullmatch(r"(\d+)x(\d+):(\d+)", shape)
    if match is None:
        sys.exit(f"{shape} is not LAYERSxWIDTH:LAYER")
    layers, width, layer = map(int, match.groups())
    runs: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as scratch:
        write_checkpoint(Path(scratch), layers, width)
        bytes_on_disk = sum(file.stat().st_size for file in Path(scratch).glob("*.safetensors"))
        for _ in range(rounds):
            for way, found in runs.items():
                command = [sys.executable, __file__, "--work", way, scratch, str(layer)]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                found.append(json.loads(done.stdout.splitlines()[-1]))
                print(f"{shape}, {way}: {found[-1]}", file=sys.stderr)
    return {
        "teacher": f"{layers}x{width}, {WORDS:,} words",
        "cut_at_layer": layer,
        "checkpoint_mib": bytes_on_disk / 2**20,
        "ways": {
            way: {
                "tensors_mib": found[0]["tensors"],
                "peak_mib": asdict(Spread.of([run["peak"] for run in found])),
                "seconds": asdict(Spread.of([run["seconds"] for run in found])),
            }
            for way, found in runs.items()
        },
    }


def main() -> None:
    """Measure and write, or do the work of one process."""
    if sys.argv[1:2] == ["--work"]:
        load(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", default=["12x768:9", "24x1024:19"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "loading_memory.json")
    options = parser.parse_args()
    result = {
        "command": f"python benchmarks/loading_memory.py --shapes {' '.join(options.shapes)} --rounds {options.rounds}",
        "rounds": options.rounds,
        "dtype": "fp32 on the disk, bf16 in memory",
        "environment": environment("torch", "transformers", "safetensors"),
        "teachers": [measured(shape, options.rounds) for shape in options.shapes],
    }
    options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
