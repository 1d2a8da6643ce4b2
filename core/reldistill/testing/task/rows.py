"""Rows of a task, and how it reads them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reldistill.errors import DataError, UsageError
from reldistill.eval_task import Evaluation
from reldistill.evaluation.data import DataSource, content_sha256
from reldistill.testing.check import ConformanceError, NotApplicable, ask

if TYPE_CHECKING:
    from datasets import Dataset

    from reldistill.eval_task import EvalTask

__all__ = ["Given", "check_missing", "check_rows", "languages_there", "load", "some_rows"]

CONTRACT = "load(source, split, language) gives the rows of train and of each split that the evaluations name"


@dataclass(frozen=True)
class Given:
    """A task, and what its author has given to try it with. Raises :class:`UsageError` where that is not there."""

    task: EvalTask
    data_dir: Path | None = None
    golden: Path | None = None

    def __post_init__(self) -> None:
        for name, path, there in (("data_dir", self.data_dir, Path.is_dir), ("golden", self.golden, Path.is_file)):
            if path is not None and not there(path):
                raise UsageError(
                    f"{name} {path}: no such {'folder' if there is Path.is_dir else 'file'}",
                    hint=f"Give {name} as the task's author keeps it beside the tests, or leave it out.",
                )

    @property
    def folder(self) -> Path:
        """The folder of rows. Raises :class:`NotApplicable` where there is none."""
        if self.data_dir is None:
            raise NotApplicable("it needs rows: pass data_dir (--data-dir), a folder with a few in the task's layout")
        return self.data_dir


def load(given: Given, split: str, language: str, source: DataSource | None = None) -> Dataset:
    """Rows of a split. Raises :class:`ConformanceError` with what the task says where it does not read them."""
    what = f"load of {split!r} in {language!r} from {given.folder}"
    return ask(
        what,
        lambda: given.task.load(source or DataSource(given.folder), split, language),
        CONTRACT,
        "Read the files by source.find and source.note, or put them where the task looks for them.",
    )


def languages_there(given: Given) -> list[str]:
    """The task's languages whose evaluations can be read from the folder. Where none can, the first says why."""
    there, refusal = [], None
    for language in given.task.languages:
        try:
            for evaluation in (*given.task.selection([language]), *given.task.evaluations([language])):
                given.task.load(DataSource(given.folder), evaluation.split, evaluation.language)
        except (DataError, UsageError) as error:
            refusal = refusal or error
            continue
        there.append(language)
    if not there and refusal is not None:
        raise ConformanceError(
            f"no language can be read from {given.folder}: {refusal.message}",
            CONTRACT,
            refusal.hint or "Give a folder in the layout that the task reads.",
        )
    return there


def some_rows(given: Given) -> tuple[Evaluation, Dataset]:
    """The rows of an evaluation, from the folder or else from the golden file.

    Raises :class:`NotApplicable` where neither was given.
    """
    if given.data_dir is None and given.golden is not None:
        from reldistill.testing.task.golden_scores import read_golden

        first = read_golden(given.golden)[0]
        evaluation = given.task.evaluations([first.language])[0]
        return evaluation, first.rows
    language = languages_there(given)[0] if given.folder else ""
    evaluation = given.task.evaluations([language])[0]
    return evaluation, load(given, evaluation.split, evaluation.language)


def check_missing(given: Given) -> None:
    """An empty folder."""
    language = given.task.languages[0]
    splits = ["train", *(evaluation.split for evaluation in given.task.evaluations([language]))]
    with tempfile.TemporaryDirectory(prefix="reldistill-testing-") as empty:
        for split in dict.fromkeys(splits):
            try:
                given.task.load(DataSource(Path(empty)), split, language)
            except DataError as error:
                if error.hint:
                    continue
                found = f"the error for {split!r} has no hint: {error.message}"
            except Exception as error:
                found = f"load of {split!r} from an empty folder raised {type(error).__name__}: {error}"
            else:
                continue  # it brings its rows with it
            raise ConformanceError(
                found,
                "where the source does not have the rows, load raises DataError, which says what it expected",
                "if file is None: raise source.missing('train rows', 'train.tsv   (columns text and label)').",
            )


def check_rows(given: Given) -> None:
    """Training rows and evaluations."""
    from datasets import Dataset

    languages = languages_there(given)
    wanted = [("train", given.task.languages[0])]
    wanted += [(e.split, e.language) for e in (*given.task.selection(languages), *given.task.evaluations(languages))]
    for split, language in dict.fromkeys(wanted):
        source = DataSource(given.folder)
        found: Any = load(given, split, language, source)
        if not isinstance(found, Dataset) or not len(found):
            raise ConformanceError(
                f"load of {split!r} in {language!r} gave "
                + ("no rows" if isinstance(found, Dataset) else type(found).__name__),
                f"{CONTRACT}, as a datasets.Dataset",
                "Return Dataset.from_dict({column: [...]}); raise source.missing(...) where there are no rows.",
            )
        if content_sha256(found) != content_sha256(load(given, split, language)):
            raise ConformanceError(
                f"{split!r} in {language!r}, read twice, gave different rows",
                "the same files give the same rows in the same order: finished runs are known by them",
                "Sort what a folder lists, and draw nothing at random.",
            )
        if not source.used:
            raise ConformanceError(
                f"after {split!r} had been read, source.used is empty",
                "what was read stands in the result with its hash, so that other data is another result",
                "Open each file as source.note(file), or read by source.saved or source.hub, which do it.",
            )
