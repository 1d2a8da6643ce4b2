"""All tables that the results are enough for."""

from __future__ import annotations

from collections.abc import Sequence

from reldistill.evaluation.tables.further import further_table
from reldistill.evaluation.tables.glue import base_size_table, glue_test_table, small_students_table
from reldistill.evaluation.tables.layout import Layout
from reldistill.evaluation.tables.model_results import ModelResults
from reldistill.evaluation.tables.multilingual import mlqa_table, xnli_table
from reldistill.evaluation.tables.table import Table

__all__ = ["build_tables"]


def build_tables(models: Sequence[ModelResults], layout: Layout, *, with_sts: bool = False) -> list[Table]:
    """The English table (``with_sts``: that of base-size models, and the paper's test results), XNLI, MLQA, the rest."""
    english = base_size_table(models, layout) if with_sts else small_students_table(models, layout)
    tested = glue_test_table() if with_sts and layout.paper and english else None
    found = (
        english, tested, xnli_table(models, layout), mlqa_table(models, layout),
        further_table(models, layout, with_sts=with_sts),
    )  # fmt: skip
    return [table for table in found if table is not None]
