"""The English tables: small students (the paper's Table 1), and models of base size, with STS (Table 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reldistill.evaluation.tables.cells import (
    average_cell,
    name_cell,
    parameters_cell,
    score_cell,
    score_value,
    speedup_cell,
)
from reldistill.evaluation.tables.footnotes import PARAMETERS, lacking_note, provenance_notes, speedup_notes
from reldistill.evaluation.tables.layout import Layout
from reldistill.evaluation.tables.model_results import ModelResults
from reldistill.evaluation.tables.paper_rows import BASE_SIZE, GLUE_TEST, SMALL_STUDENTS
from reldistill.evaluation.tables.table import Cell, Row, Table

__all__ = ["base_size_table", "glue_test_table", "small_students_table"]


@dataclass(frozen=True)
class _Task:
    column: str
    task: str
    split: str
    metric: str


COLUMNS = (
    _Task("SQuAD2", "squad2", "dev", "f1"),
    _Task("MNLI-m", "mnli", "matched", "accuracy"),
    _Task("QNLI", "qnli", "dev", "accuracy"),
    _Task("QQP", "qqp", "dev", "accuracy"),
    _Task("RTE", "rte", "dev", "accuracy"),
    _Task("SST", "sst2", "dev", "accuracy"),
    _Task("MRPC", "mrpc", "dev", "accuracy"),
    _Task("CoLA", "cola", "dev", "matthews"),
)
STS = _Task("STS", "stsb", "dev", "spearman")
METRICS = "SQuAD2 is F1 at threshold 0, CoLA Matthews correlation, all others accuracy, QQP and MRPC too"
PAPER_NOTE = (
    "Rows marked as the paper's are quoted from it, figures and averages as printed; its text does not say which metric "
    "SQuAD2, QQP and MRPC are. Which size a student's teacher has follows from the rows' order, base size before large."
)


def small_students_table(models: Sequence[ModelResults], layout: Layout) -> Table | None:
    """Of the models that have a result of any of its tasks; None where no model has."""
    return _table(
        "GLUE and SQuAD 2.0, dev sets", models, COLUMNS, layout, with_speedup=True, note=f"{METRICS}; these enter Avg.",
        paper=SMALL_STUDENTS.rows(),
    )  # fmt: skip


def base_size_table(models: Sequence[ModelResults], layout: Layout) -> Table | None:
    """With STS-B; Speedup, which the paper's has not, only where it was measured. None where no model has a result."""
    with_speedup = layout.speedups is not None
    paper = BASE_SIZE.rows()
    if with_speedup:
        paper = [Row((*row.cells[:3], Cell.missing(), *row.cells[3:]), row.paper) for row in paper]
    return _table(
        "GLUE and SQuAD 2.0, dev sets, with STS-B", models, (*COLUMNS, STS), layout, with_speedup=with_speedup,
        note=f"{METRICS}, but STS, which is Spearman correlation; these enter Avg.", paper=paper,
    )  # fmt: skip


def glue_test_table() -> Table:
    """The paper's results of the test server, which no evaluation here can have."""
    columns = ("Model", "Teacher", "#Param", "Speedup", *(task.column for task in COLUMNS), STS.column, "Avg")
    return Table(
        "GLUE, test sets (SQuAD 2.0: dev set)",
        tuple("MNLI-m/mm" if column == "MNLI-m" else column for column in columns),
        tuple(GLUE_TEST.rows()),
        ("The paper's rows only. In its average, MNLI-m and MNLI-mm count as two.",),
    )


def _table(
    title: str, models: Sequence[ModelResults], tasks: Sequence[_Task], layout: Layout, *, with_speedup: bool, note: str,
    paper: Sequence[Row],
) -> Table | None:  # fmt: skip
    shown = [model for model in models if any(model.score(t.task, t.split, t.metric) for t in tasks)]
    if not shown:
        return None
    rows, lacking_notes = [], []
    for model in shown:
        scores = [model.score(t.task, t.split, t.metric) for t in tasks]
        values = [score_value(score, layout) for score in scores]
        lacking = [t.column for t, value in zip(tasks, values, strict=True) if value is None]
        if lacking:
            lacking_notes.append(lacking_note(model, lacking))
        speedup = (layout.speedups or {}).get(model.model.sha256)
        rows.append(
            Row((
                name_cell(model.label),
                name_cell(model.model.teacher),
                parameters_cell(model.model.parameters),
                *([speedup_cell(speedup, layout.spread)] if with_speedup else []),
                *(score_cell(score, layout) for score in scores),
                average_cell([values]),
            ))
        )  # fmt: skip
    return Table(
        title,
        ("Model", "Teacher", "#Param", *(["Speedup"] if with_speedup else []), *(t.column for t in tasks), "Avg"),
        (*rows, *(paper if layout.paper else ())),
        (
            note, *provenance_notes(shown, (t.task for t in tasks), layout), *lacking_notes, PARAMETERS,
            *(speedup_notes(shown, layout) if with_speedup else []), *([PAPER_NOTE] if layout.paper else []),
        ),
    )  # fmt: skip
