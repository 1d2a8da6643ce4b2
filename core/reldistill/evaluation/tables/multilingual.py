"""The tables with a column a language: XNLI (the paper's Table 5) and MLQA (Table 6)."""

from __future__ import annotations

from collections.abc import Sequence

from reldistill.evaluation.tables.cells import (
    average_cell,
    name_cell,
    parameters_cell,
    score_value,
    scores_cell,
    speedup_cell,
)
from reldistill.evaluation.tables.footnotes import PARAMETERS, lacking_note, provenance_notes, speedup_notes
from reldistill.evaluation.tables.layout import Layout
from reldistill.evaluation.tables.model_results import ModelResults
from reldistill.evaluation.tables.paper_rows import MLQA, XNLI, PaperRows
from reldistill.evaluation.tables.table import Cell, Row, Table

__all__ = ["MLQA_LANGUAGES", "XNLI_LANGUAGES", "mlqa_table", "xnli_table"]

XNLI_LANGUAGES = ("en", "fr", "es", "de", "el", "bg", "ru", "tr", "ar", "vi", "th", "zh", "hi", "sw", "ur")
MLQA_LANGUAGES = ("en", "es", "de", "ar", "hi", "vi", "zh")
SHAPE_COLUMNS = 5
PAPER_NOTE = (
    "Rows marked as the paper's are quoted from it, averages as printed. Which XLM-R is a student's teacher follows from the "
    "rows' order, base size before large."
)


def xnli_table(models: Sequence[ModelResults], layout: Layout) -> Table | None:
    """Accuracy; None where no model has a result."""
    note = "Accuracy. Avg is the mean over the 15 languages."
    return _table("XNLI", "xnli", models, XNLI_LANGUAGES, ("accuracy",), layout, note, XNLI)


def mlqa_table(models: Sequence[ModelResults], layout: Layout) -> Table | None:
    """F1 and exact match; None where no model has a result."""
    note = "F1 / exact match. Avg is the mean over the 7 languages."
    return _table("MLQA", "mlqa", models, MLQA_LANGUAGES, ("f1", "exact_match"), layout, note, MLQA)


def _table(
    title: str, task: str, models: Sequence[ModelResults], languages: Sequence[str], metrics: Sequence[str], layout: Layout,
    note: str, paper: PaperRows,
) -> Table | None:  # fmt: skip
    shown = [model for model in models if task in model.newest]
    if not shown:
        return None
    timed = layout.speedups is not None
    rows, lacking_notes = [], []
    for model in shown:
        scores = [[(metric, model.score(task, language, metric)) for metric in metrics] for language in languages]
        values = [[score_value(score, layout) for _, score in of_language] for of_language in scores]
        lacking = [language for language, found in zip(languages, values, strict=True) if None in found]
        if lacking:
            lacking_notes.append(lacking_note(model, lacking, _over_those_there(model, task, metrics, layout)))
        facts = model.model
        speedup = (layout.speedups or {}).get(facts.sha256)
        rows.append(
            Row((
                name_cell(model.label), name_cell(facts.teacher), Cell(str(facts.layers), facts.layers),
                Cell(str(facts.hidden_size), facts.hidden_size), parameters_cell(facts.parameters),
                *([speedup_cell(speedup, layout.spread)] if timed else []),
                *(scores_cell(of_language, layout) for of_language in scores),
                average_cell(list(zip(*values, strict=True)), metrics),
            ))
        )  # fmt: skip
    return Table(
        title,
        ("Model", "Teacher", "#L", "#H", "#Param", *(["Speedup"] if timed else []), *languages, "Avg"),
        (*rows, *(_paper_rows(paper, timed) if layout.paper else ())),
        (
            note, *provenance_notes(shown, [task], layout), *lacking_notes, PARAMETERS,
            *(speedup_notes(shown, layout) if timed else []),
            *([PAPER_NOTE] if layout.paper else []),
        ),
    )  # fmt: skip


def _paper_rows(paper: PaperRows, timed: bool) -> list[Row]:
    rows = paper.rows()
    if not timed:
        return rows
    return [Row((*row.cells[:SHAPE_COLUMNS], Cell.missing(), *row.cells[SHAPE_COLUMNS:]), row.paper) for row in rows]


def _over_those_there(model: ModelResults, task: str, metrics: Sequence[str], layout: Layout) -> str:
    """The result's own mean, over the languages that it has."""
    means = [score_value(model.score(task, "mean", metric), layout) for metric in metrics]
    if any(mean is None for mean in means):
        return ""
    return "; over the languages of its result " + " / ".join(f"{mean:.1f}" for mean in means)
