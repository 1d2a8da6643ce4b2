"""How well each layer of the teacher serves, by probes of several lengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from docs.pictures.canvas import Canvas
from docs.pictures.label_heights import label_heights

from reldistill import LayerEvidence
from reldistill.report.style import LIGHT
from reldistill.report.ticks import linear_ticks, tick_label

__all__ = ["layer_picture"]

LEFT, RIGHT, TOP, BOTTOM = 60, 480, 56, 330


def layer_picture(probes: Mapping[int, Sequence[LayerEvidence]]) -> str:
    """A curve a probe, over the layers; ``probes``: steps -> what was found, each of two layers at least."""
    title = "alignment with the teacher of students taught by each of its layers"
    values = [one.mean_alignment for found in probes.values() for one in found]
    layers = [one.teacher_layer for found in probes.values() for one in found]
    low, high, first, last = min(0.0, *values), max(values), min(layers), max(layers)
    said = " ".join(
        f"{steps} steps: "
        + ", ".join(f"layer {one.teacher_layer} {one.mean_alignment:.3f}" for one in found)
        + f"; most by layer {max(found, key=lambda one: one.mean_alignment).teacher_layer}."
        for steps, found in probes.items()
    )
    canvas = Canvas(600, 390, title, said)

    def at(layer: int, value: float) -> tuple[float, float]:
        along = (layer - first) / (last - first)
        return LEFT + (RIGHT - LEFT) * along, BOTTOM - (BOTTOM - TOP) * (value - low) / (1.1 * (high - low) or 1.0)

    canvas.text(LEFT - 40, 30, title, anchor="start", kind="strong")
    for mark in linear_ticks(low, high) if high > low else [low]:
        _, y = at(first, mark)
        canvas.line(LEFT, y, RIGHT, y, "grid")
        canvas.text(LEFT - 8, y + 5, tick_label(mark), size=13, anchor="end", kind="faint")
    for layer in sorted(set(layers)):
        x, _ = at(layer, low)
        canvas.line(x, BOTTOM, x, BOTTOM + 5)
        canvas.text(x, BOTTOM + 22, str(layer), size=13, kind="faint")
    canvas.text((LEFT + RIGHT) / 2, BOTTOM + 46, "layer of the teacher", size=13, kind="faint")
    heights = label_heights([at(last, found[-1].mean_alignment)[1] + 4 for found in probes.values()])
    for number, ((steps, found), height) in enumerate(zip(probes.items(), heights, strict=True)):
        points = [at(one.teacher_layer, one.mean_alignment) for one in found]
        canvas.curve(points, number % len(LIGHT))
        for x, y in points:
            canvas.dot(x, y, number % len(LIGHT))
        canvas.text(RIGHT + 10, height, f"{steps} steps", size=14, anchor="start", kind=f"f{number % len(LIGHT)}")
    return canvas.svg()
