"""What the paper's tables have no column for: second metrics of their tasks, and other tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reldistill.evaluation.tables.cells import name_cell, score_cell
from reldistill.evaluation.tables.footnotes import provenance_notes
from reldistill.evaluation.tables.layout import Layout
from reldistill.evaluation.tables.model_results import ModelResults
from reldistill.evaluation.tables.table import Row, Table

__all__ = ["further_table"]

IN_THE_PAPERS_TABLES = {
    ("squad2", "dev", "f1"), ("mnli", "matched", "accuracy"), ("qnli", "dev", "accuracy"), ("qqp", "dev", "accuracy"),
    ("rte", "dev", "accuracy"), ("sst2", "dev", "accuracy"), ("mrpc", "dev", "accuracy"), ("cola", "dev", "matthews"),
}  # fmt: skip
MULTILINGUAL = {"xnli", "mlqa"}


def further_table(models: Sequence[ModelResults], layout: Layout, *, with_sts: bool) -> Table | None:
    """A row for each metric that no other table shows; None where there is none."""
    rows, tasks = [], set()
    for model in models:
        for task, split, metric in _left_out(model, with_sts):
            score = model.score(task, split, metric)
            cells = [name_cell(name) for name in (model.label, model.model.teacher, task, split, metric)]
            rows.append(Row((*cells, score_cell(score, layout))))
            tasks.add(task)
    if not rows:
        return None
    return Table(
        "Further metrics and tasks",
        ("Model", "Teacher", "Task", "Split", "Metric", "Score"),
        tuple(rows),
        ("These enter no average.", *provenance_notes(models, tasks, layout)),
        words=5,
    )


def _left_out(model: ModelResults, with_sts: bool) -> Iterator[tuple[str, str, str]]:
    for task, result in model.newest.items():
        if task in MULTILINGUAL:
            continue
        for split, metrics in result.scores.items():
            for metric in metrics:
                name = (task, split, metric)
                if name not in IN_THE_PAPERS_TABLES and not (with_sts and name == ("stsb", "dev", "spearman")):
                    yield name
