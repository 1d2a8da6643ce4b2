"""A page that shows runs over each other."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from reldistill.report.chart import Line, figure, short
from reldistill.report.comparison import Comparison
from reldistill.report.curves import LEARNING_RATE, NORM, READING, SPEED, points, relations_of
from reldistill.report.document import page, table, value_in_words, write_page
from reldistill.report.rows import TRAINED, VALIDATED, Row

__all__ = ["comparison_page", "write_comparison"]


def write_comparison(comparison: Comparison, path: Path) -> Path:
    """Write a page with the curves of all its runs; raises OSError."""
    return write_page(comparison_page(comparison), path)


def comparison_page(comparison: Comparison) -> str:
    """HTML: what differs between runs, and their curves over each other."""
    title = "Comparison of " + ", ".join(comparison.names)
    parts = [f"<h1>{escape(title)}</h1>", *(f"<p>{escape(note)}.</p>" for note in comparison.notes)]
    parts += [
        "<h2>Where they stand</h2>",
        table([("state", *(run.standing for run in comparison.runs))], head=comparison.names),
        "<h2>Options that differ</h2>",
    ]
    differing = [(option, *map(value_in_words, values)) for option, values in comparison.differing.items()]
    parts.append(table(differing, head=comparison.names) if differing else "<p>None.</p>")
    parts += [
        "<h2>Losses</h2>",
        table(_losses(comparison), head=comparison.names),
        "<h2>Curves</h2>",
        f"<p>{READING}</p>",
    ]
    parts.append(f'<div class="charts">{"".join(_figures(comparison))}</div>')
    return page(title, parts)


def _figures(comparison: Comparison) -> list[str]:
    named = list(zip(comparison.names, comparison.runs, strict=True))

    def trained(name: str) -> list[Line]:
        return [Line(label, points(run.trained, name), color) for color, (label, run) in enumerate(named)]

    def validated(name: str) -> list[Line]:
        return [
            Line(label, points(run.validated, name), color, broken=True) for color, (label, run) in enumerate(named)
        ]

    relations = relations_of(*(rows for run in comparison.runs for rows in (run.trained, run.validated)))
    return [
        figure("loss", "Loss", trained(TRAINED)),
        figure("held-out", "Loss on held-out text", validated(VALIDATED)),
        *(figure(f"relation-{n}", f"Loss of {name}", trained(f"{TRAINED}/{name}")) for n, name in enumerate(relations)),
        figure("rate", "Learning rate", trained(LEARNING_RATE), scale="from zero"),
        figure("speed", "Tokens a second", trained(SPEED), scale="from zero"),
        figure("norm", "Norm of the gradient", trained(NORM)),
    ]


def _losses(comparison: Comparison) -> list[tuple[str, ...]]:
    def row(label: str, rows: Sequence[Row], name: str) -> tuple[str, ...]:
        return (label, *(f"{short(found[name])} at step {found['step']:,}" if name in found else "-" for found in rows))

    return [
        row("training, last common step", comparison.at_common_step, TRAINED),
        row("training, last row of each", [run.last for run in comparison.runs], TRAINED),
        row("held-out text, last common step", comparison.at_common_validation, VALIDATED),
        row("held-out text, last of each", [run.validation for run in comparison.runs], VALIDATED),
    ]
