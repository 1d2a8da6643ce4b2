"""The files of SQuAD and MLQA: the official JSON, saved data sets, and the Hub's Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reldistill.errors import DataError
from reldistill.evaluation.question_answering.question import Question
from reldistill.evaluation.question_answering.squad_file import read_questions
from reldistill_plugins.tasks.reading import as_rows

if TYPE_CHECKING:
    from datasets import Dataset

    from reldistill.evaluation.data import DataSource

__all__ = ["read_mlqa", "read_squad"]

MLQA_HUB = "facebook/mlqa"
MLQA_PLACES = ("", "MLQA_V1", "mlqa/MLQA_V1", "mlqa")

SAVED = {"train": ("train",), "dev": ("validation", "dev"), "test": ("test",)}


def read_squad(source: DataSource, names: Sequence[str], places: Sequence[str], hub: str, split: str) -> Dataset:
    """The questions of the first file of these names that is there, else of a saved data set.

    Raises :class:`DataError` for what is missing or broken.
    """
    if source.folder is None:
        return _from_saved(source.hub(hub, None, SAVED[split][0]), hub)
    if (file := source.find(names, places)) is not None:
        return as_rows(read_questions(source.note(file)))
    saved = source.saved(SAVED[split], [place for place in places if place] if split == "train" else places)
    if saved is not None:
        return _from_saved(saved, str(source.folder))
    tree = [*(f"{place}/{names[0]}".lstrip("/") for place in places[:3]), f"{places[1]}/{SAVED[split][0]}*.parquet"]
    raise source.missing(f"{split} rows of {hub.rpartition('/')[2]}", "\n".join(tree))


def read_mlqa(source: DataSource, split: str, context: str, question: str) -> Dataset:
    """MLQA's questions of two languages.

    Raises :class:`DataError` for what is missing or broken.
    """
    if source.folder is None:
        config = f"mlqa.{context}.{question}"
        return _from_saved(source.hub(MLQA_HUB, config, SAVED[split][0], converted=True), MLQA_HUB)
    name = f"{split}-context-{context}-question-{question}.json"
    file = source.find([name], [*(f"{place}/{split}".lstrip("/") for place in MLQA_PLACES), *MLQA_PLACES])
    if file is not None:
        return as_rows(read_questions(source.note(file)))
    below = f"mlqa.{context}.{question}"
    saved = source.saved(SAVED[split], [below, f"mlqa/{below}"])
    if saved is not None:
        return _from_saved(saved, str(source.folder))
    tree = f"MLQA_V1/{split}/{name}\n{below}/{SAVED[split][0]}*.parquet"
    raise source.missing(f"{split} rows of MLQA, context {context}, question {question}", tree)


def _from_saved(rows: Dataset, place: str) -> Dataset:
    """Rows with ``id``, ``question``, ``context`` and ``answers`` as the Hub has them: ``{"text": […], "answer_start": […]}``."""
    lacking = {"id", "question", "context", "answers"} - set(rows.column_names)
    if lacking:
        raise DataError(
            f"{place} has no column {' and no '.join(sorted(lacking))}", hint=f"It has {', '.join(rows.column_names)}."
        )
    questions, seen = [], set()
    for row in rows:
        answers: Any = row["answers"]
        texts, starts = tuple(answers["text"]), tuple(answers["answer_start"])
        if row["id"] in seen or any(
            row["context"][start : start + len(text)] != text for text, start in zip(texts, starts, strict=True)
        ):
            raise DataError(
                f"{place}: question {row['id']!r} is there twice, or an answer is not where it is said to be",
                hint="Save the data set anew from the official files.",
            )
        seen.add(row["id"])
        questions.append(Question(str(row["id"]), row["question"], row["context"], texts, starts))
    return as_rows(questions)
