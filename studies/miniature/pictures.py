"""The figures of the study's page, from the committed JSON."""

from __future__ import annotations

from collections.abc import Sequence

from docs.pictures.share_curves import Line, share_curves
from studies.miniature.curves import Validation
from studies.miniature.found import Found
from studies.miniature.layer_picture import layer_picture
from studies.miniature.layer_tables import probes_of

__all__ = ["figures", "relation_lines"]

STUDENTS = {
    "long": "3x192, 8,000 steps",
    "distilled": "3x192, 600 steps",
    "minilm-v1": "minilm-v1, its own loss",
    "wide-distilled": "3x384, 600 steps",
    "wide-embeddings-distilled": "3x384, from embeddings",
    "wide-truncated-distilled": "3x384, from layers",
    "wide-truncated-low-rate": "the same at 2e-4",
}

UNTRAINED = dict.fromkeys(
    ("wide-embeddings-distilled", "wide-truncated-distilled", "wide-truncated-low-rate"), "wide-distilled"
)
"""Whose start is that of an untrained student of the same shape, where the own one is something else."""


def figures(found: Found) -> dict[str, str]:
    """File name -> SVG, of those there is something to draw for."""
    drawn = {}
    lines = []
    for model, words in STUDENTS.items():
        curve, start = found.curve(model), found.curve(UNTRAINED.get(model, model))
        if len(curve) > 1 and start:
            untrained = start[0].losses["loss"]
            lines.append(Line(words, [(one.tokens, one.losses["loss"] / untrained) for one in curve if one.tokens]))
    if lines:
        title = "held-out relation loss, as a share of that of an untrained student"
        drawn["learning-curves.svg"] = share_curves(title, lines)
    for model, name in (("long", "reference-curves.svg"), ("nine-relations", "nine-curves.svg")):
        curve = found.curve(model)
        if len(curve) > 1:
            drawn[name] = share_curves(
                "held-out loss of each relation, as a share of that at the start", relation_lines(curve)
            )
    if probes := probes_of(found, "layers"):
        drawn["layers.svg"] = layer_picture(probes)
    return drawn


def relation_lines(curve: Sequence[Validation]) -> list[Line]:
    """A line for each relation, and one for their sum."""
    return [
        Line("all" if name == "loss" else name.removeprefix("loss/"), shares(curve, name)) for name in curve[0].losses
    ]


def shares(curve: Sequence[Validation], name: str) -> list[tuple[float, float]]:
    """Tokens, and loss by that at the start."""
    return [(point.tokens, point.losses[name] / curve[0].losses[name]) for point in curve if point.tokens]
