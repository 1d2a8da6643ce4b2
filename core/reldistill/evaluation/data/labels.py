"""Labels of saved data sets, by name: their numbers mean something else in each source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reldistill.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["label_names"]


def label_names(rows: Dataset, column: str, labels: Sequence[str], place: str) -> list[str]:
    """What stands in the column, as names: those of its ``ClassLabel``, or texts as they are; ``-`` for a number below
    zero, which says that there is no label.

    Raises :class:`DataError` for numbers without names. ``labels`` and ``place`` are for its words.
    """
    from datasets import ClassLabel

    feature = rows.features.get(column)
    values = list(rows[column]) if column in rows.column_names else []
    if isinstance(feature, ClassLabel):
        return ["-" if value is None or value < 0 else feature.names[value] for value in values]
    if not all(isinstance(value, str) for value in values):
        raise DataError(
            f"{place}: labels are numbers without names, and what they mean would be a guess",
            hint=f"Save the column {column} as ClassLabel, or as text: {', '.join(labels)}.",
        )
    return values
