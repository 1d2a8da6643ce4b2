"""The losses of the demo, from the rows that it logged."""

from __future__ import annotations

import json
from pathlib import Path

from docs.pictures.canvas import Canvas

from reldistill.report.ticks import linear_ticks, tick_label

__all__ = ["demo_curves"]

LEFT, RIGHT, TOP, BOTTOM = 60, 520, 56, 330
LINES = (("loss", "all three", 0), ("loss/kk", "kk", 1), ("loss/qq", "qq", 2), ("loss/vv", "vv", 3))


def demo_curves(metrics: Path) -> str:
    """Of the metrics.jsonl of ``minictl demo``: losses in training, and on held-out text before and after."""
    rows = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    training = [row for row in rows if "loss" in row]
    held_out = [row for row in rows if "validation/loss" in row]
    before, after = held_out[0]["validation/loss"], held_out[-1]["validation/loss"]
    steps = training[-1]["step"]
    canvas = Canvas(
        620, 390, "Relation loss of the demo by step",
        f"The loss on held-out text falls from {before:.2f} to {after:.2f} in {steps} steps. "
        + " ".join(f"{label}: {training[0][name]:.2f} to {training[-1][name]:.2f} in training." for name, label, _ in LINES),
    )  # fmt: skip
    top = 1.1 * max(before, *(row["loss"] for row in training))

    def at(step: float, loss: float) -> tuple[float, float]:
        return LEFT + (RIGHT - LEFT) * step / steps, BOTTOM - (BOTTOM - TOP) * loss / top

    canvas.text(LEFT - 40, 30, "relation loss of the demo by step; dots: on held-out text", anchor="start", kind="strong")  # fmt: skip
    for mark in linear_ticks(0, top):
        _, y = at(0, mark)
        canvas.line(LEFT, y, RIGHT, y, "grid")
        canvas.text(LEFT - 8, y + 5, tick_label(mark), size=13, anchor="end", kind="faint")
    for mark in linear_ticks(0, steps):
        x, _ = at(mark, 0)
        canvas.line(x, BOTTOM, x, BOTTOM + 5)
        canvas.text(x, BOTTOM + 22, tick_label(mark), size=13, kind="faint")
    canvas.text((LEFT + RIGHT) / 2, BOTTOM + 46, "step", size=13, kind="faint")
    for name, label, color in LINES:
        points = [at(row["step"], row[name]) for row in training]
        canvas.curve(points, color)
        for row in (held_out[0], held_out[-1]):
            canvas.dot(*at(row["step"], row[f"validation/{name}"]), color)
        canvas.text(RIGHT + 10, points[-1][1] + 4 + _apart(name), label, size=14, anchor="start", kind=f"f{color}")
    return canvas.svg()


def _apart(name: str) -> float:
    """The labels of kk and vv are moved away from that of qq, between them."""
    return {"loss/kk": -7.0, "loss/vv": 9.0}.get(name, 0.0)
