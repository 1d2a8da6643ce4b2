"""report.html: where a run stands, its curves, its configuration, its student."""

from __future__ import annotations

from html import escape
from pathlib import Path

from reldistill.report.chart import Line, figure, short
from reldistill.report.curves import LEARNING_RATE, NORM, READING, SPEED, points, relations_of
from reldistill.report.document import page, table, value_in_words, write_page
from reldistill.report.rows import TRAINED, VALIDATED
from reldistill.report.run_summary import Run, Student, read_run
from reldistill.run_files import REPORT

__all__ = ["run_page", "write_report"]


def write_report(folder: Path) -> Path:
    """Write the report of a run into its folder, in place of an older one, whole at once.

    Raises:
        DataError: the run cannot be read.
        OSError: the report cannot be written.
    """
    return write_page(run_page(read_run(folder)), folder / REPORT)


def run_page(run: Run) -> str:
    """HTML: where the run stands, its curves, its configuration, its student."""
    parts = [
        f"<h1>{escape(run.name)}</h1>",
        f"<p>{escape(run.standing)}</p>",
        f'<progress max="{max(run.steps, 1)}" value="{run.step}" aria-label="steps done"></progress>',
        table(_standing(run)),
        "<h2>Curves</h2>",
        f"<p>{READING}</p>",
        f'<div class="charts">{"".join(_figures(run))}</div>',
    ]
    if run.student is not None:
        parts += ["<h2>Student</h2>", table(_student(run.student))]
    parts += ["<h2>Configuration</h2>", table((name, value_in_words(value)) for name, value in run.config.items())]
    if run.student is not None and run.student.plan:
        plan = run.student.plan
        parts += ["<h2>Plan of the student</h2>", table((name, value_in_words(value)) for name, value in plan.items())]
    return page(run.name, parts)


def _figures(run: Run) -> list[str]:
    relations = relations_of(run.trained, run.validated)
    by_relation = []
    for color, name in enumerate(relations):
        by_relation.append(Line(name, points(run.trained, f"{TRAINED}/{name}"), color))
        by_relation.append(Line(f"{name}, held-out", points(run.validated, f"{VALIDATED}/{name}"), color, broken=True))
    total = [
        Line("training", points(run.trained, TRAINED), 0),
        Line("held-out text", points(run.validated, VALIDATED), 1, broken=True),
    ]
    return [
        figure("loss", "Loss", total),
        figure("relations", "Loss of each relation", by_relation),
        figure("rate", "Learning rate", [_own(run, LEARNING_RATE)], scale="from zero"),
        figure("speed", "Tokens a second", [_own(run, SPEED)], scale="from zero"),
        figure("norm", "Norm of the gradient", [_own(run, NORM)]),
    ]


def _own(run: Run, name: str) -> Line:
    return Line(name.replace("_", " "), points(run.trained, name), 0)


def _standing(run: Run) -> list[tuple[str, str]]:
    last, speed = run.last, [row[SPEED] for row in run.trained if SPEED in row]
    standing = [
        ("last row", f"{run.changed:%Y-%m-%d %H:%M:%S} UTC"),
        ("tokens", f"{last['tokens']:,.0f}" if "tokens" in last else "-"),
        ("loss", f"{short(last[TRAINED])} at step {last['step']:,}" if last else "-"),
    ]
    if run.validated:
        first, then = run.validated[0], run.validation
        standing.append(
            (
                "loss on held-out text",
                f"{short(then[VALIDATED])} at step {then['step']:,}"
                + (f", {short(first[VALIDATED])} at step {first['step']:,}" if first is not then else ""),
            )
        )
    if speed:
        standing.append(("tokens a second", f"{short(sum(speed) / len(speed))} on average over the rows"))
    return standing


def _student(student: Student) -> list[tuple[str, str]]:
    return [
        ("folder", f"{student.folder.name}/"),
        ("shape", str(student.plan.get("student", "-"))),
        ("teacher", str(student.plan.get("teacher", "-"))),
        ("files", f"{student.bytes / 2**20:,.1f} MiB"),
    ]
