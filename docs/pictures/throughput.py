"""Speed against others, from the committed results of ``minictl bench``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docs.pictures.canvas import Canvas

__all__ = ["throughput"]

NAMES, LEFT, LONGEST = 150, 160, 340
"""Where names end and bars begin, and the length of the longest."""

STEPS = {"reldistill": "reldistill", "careful": "padded, careful", "common": "padded, common"}


def throughput(results: Path) -> str:
    """Steps of three workloads, tokenising with three tokenizers, feeding batches. Longer is faster."""
    found: dict[str, Any] = {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(results.glob("*.json"))
    }
    groups: list[tuple[str, str, dict[str, float]]] = []
    for name in ("step_bert-128", "step_bert-512", "step_xlmr-128"):
        step = found[name]
        speeds = {
            STEPS[who]: step["workload"]["tokens"] / step["contestants"][who]["seconds"]["median"] for who in STEPS
        }
        groups.append((f"a training step: {step['workload']['what']}", "tokens/s", speeds))
    for tokenizer in found["tokenize"]["tokenizers"]:
        speeds = {who: row["mb_per_cpu_second"]["median"] for who, row in tokenizer["contestants"].items()}
        groups.append((f"tokenising: {tokenizer['tokenizer']}", "MB per CPU-second", speeds))
    feeding: Mapping[str, Any] = found["load_256x128"]["contestants"]
    feeders = ("reldistill", "memmap", "litdata", "datasets")
    speeds = {who: feeding[who]["million_tokens_per_second"]["median"] for who in feeders}
    groups.append(("feeding: 256 sequences of at most 128 tokens", "million tokens/s", speeds))

    machine = found["step_bert-128"]["environment"]
    height = 50 + sum(40 + 24 * len(speeds) for _, _, speeds in groups) + 20
    said = [
        f"{title}, {unit}: {', '.join(f'{who} {_number(value)}' for who, value in speeds.items())}."
        for title, unit, speeds in groups
    ]
    canvas = Canvas(620, height, "Throughput beside others", " ".join(said))
    where = f"medians on {machine['cores']} cores of {machine['processor']}; longer is faster"
    canvas.text(20, 32, where, anchor="start", kind="faint")
    y = 50
    for title, unit, speeds in groups:
        y += 22
        canvas.text(20, y, title, anchor="start", kind="strong")
        canvas.text(600, y, unit, size=13, anchor="end", kind="faint")
        most = max(speeds.values())
        for who, value in speeds.items():
            y += 24
            color = 0 if who == "reldistill" else 7
            canvas.text(NAMES, y, who, size=14, anchor="end")
            canvas.rect(LEFT, y - 13, max(2.0, round(LONGEST * value / most, 1)), 16, f"f{color}")
            canvas.text(LEFT + LONGEST * value / most + 8, y, _number(value), size=14, anchor="start")
        y += 18
    return canvas.svg()


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
