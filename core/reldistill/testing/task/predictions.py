"""What a task writes of its predictions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from reldistill.testing.check import ConformanceError, ask
from reldistill.testing.task.rows import languages_there, load, some_rows
from reldistill.testing.task.scores import LENGTH, untrained_outputs
from reldistill.testing.task.tiny import make_tokenizer

if TYPE_CHECKING:
    from datasets import Dataset

    from reldistill.eval_task import Evaluation
    from reldistill.testing.task.rows import Given

__all__ = ["check_predictions"]

CONTRACT = (
    "predictions(outputs, rows, encoded, evaluation) gives the name of a file -> its text, for each evaluation its own"
)


def check_predictions(given: Given) -> None:
    """Of an untrained model, for each evaluation."""
    written: dict[str, str] = {}
    for evaluation, rows in _evaluations(given):
        encoded = given.task.encode(rows, make_tokenizer(), LENGTH)
        outputs = untrained_outputs(given, encoded)
        files: Any = ask(
            f"predictions for the evaluation {evaluation.name!r}",
            lambda: given.task.predictions(outputs, rows, encoded, evaluation),  # noqa: B023
            CONTRACT,
            "Expect what score() gets.",
        )
        if not isinstance(files, Mapping) or not files or not all(isinstance(text, str) for text in files.values()):
            raise ConformanceError(
                f"predictions for {evaluation.name!r} are {files!r:.80}",
                CONTRACT,
                'Return {f"{evaluation.name}.tsv": text}.',
            )
        for name in files:
            if not isinstance(name, str) or PurePath(name).name != name:
                raise ConformanceError(
                    f"predictions name a file {name!r}",
                    CONTRACT,
                    "Give a plain file name; the folder is chosen by the run.",
                )
            if name in written:
                raise ConformanceError(
                    f"the evaluations {written[name]!r} and {evaluation.name!r} both write {name}",
                    CONTRACT,
                    'Put evaluation.name into the name of the file, as in f"{evaluation.name}.tsv".',
                )
            written[name] = evaluation.name


def _evaluations(given: Given) -> list[tuple[Evaluation, Dataset]]:
    if given.data_dir is None:
        return [some_rows(given)]
    found = given.task.evaluations(languages_there(given))
    return [(evaluation, load(given, evaluation.split, evaluation.language)) for evaluation in found]
