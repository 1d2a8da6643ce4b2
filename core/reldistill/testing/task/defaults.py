"""What a task says of itself before it has read a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reldistill.eval_task import Evaluation
from reldistill.testing.check import ConformanceError

if TYPE_CHECKING:
    from reldistill.testing.task.rows import Given

__all__ = ["check_defaults", "check_evaluations"]

LEAST_LENGTH = 8
"""Two texts of a token or two with their special tokens."""


def check_defaults(given: Given) -> None:
    """Numbers that a fine-tuning can have."""
    task, wrong = given.task, []
    if not all(0 < rate < 1 for rate in task.learning_rates):
        wrong.append(f"learning_rates {task.learning_rates} (each above 0 and below 1)")
    if not all(type(number) is int and number >= 1 for number in task.epochs):
        wrong.append(f"epochs {task.epochs} (each at least 1)")
    if task.batch_size < 1:
        wrong.append(f"batch_size {task.batch_size} (at least 1)")
    if task.max_length < LEAST_LENGTH:
        wrong.append(f"max_length {task.max_length} (at least {LEAST_LENGTH})")
    for name in ("learning_rates", "epochs", "languages"):
        if len(set(values := getattr(task, name))) < len(values):
            wrong.append(f"{name} {values} (each once)")
    if not task.main_metric:
        wrong.append("main_metric is empty (the name of one of the scores)")
    if wrong:
        raise ConformanceError(
            "; ".join(wrong),
            "a task's numbers are the grid that `minictl eval` searches where nothing else is said",
            "Give a grid that can be run, for example learning_rates=(2e-5, 5e-5), epochs=(3, 5), batch_size=32.",
        )


def check_evaluations(given: Given) -> None:
    """Of all languages and of each."""
    task = given.task
    for languages in (list(task.languages), *([language] for language in task.languages)):
        for name in ("selection", "evaluations"):
            found = getattr(task, name)(languages)
            # What chooses may be in a language of its own: English, for all of them.
            _check(name, found, list(task.languages) if name == "selection" else languages)
            if not found:
                raise ConformanceError(
                    f"{name}({languages}) is empty",
                    "a model is chosen by the rows of selection and scored on those of evaluations",
                    'Return [Evaluation("dev", "dev")] for a split dev; where nothing else is there, both name it.',
                )
    _check("predicted", task.predicted(), list(task.languages))


def _check(name: str, found: object, languages: list[str]) -> None:
    if not isinstance(found, Sequence) or not all(isinstance(evaluation, Evaluation) for evaluation in found):
        raise ConformanceError(
            f"{name}() gave {found!r}",
            f"{name}() gives a sequence of reldistill.Evaluation(name, split, language)",
            "Return a list of Evaluation, empty where there is none.",
        )
    names = [evaluation.name for evaluation in found]
    if len(set(names)) < len(names):
        raise ConformanceError(
            f"{name}({languages}) gives two rows of one name: {', '.join(names)}",
            "a result holds the scores of each evaluation under its name",
            "Name each after its language or split.",
        )
    strange = [e.language for e in found if name != "predicted" and not set(e.language.split("-")) <= set(languages)]
    if strange:
        raise ConformanceError(
            f"{name}({languages}) gives rows in {strange[0]!r}",
            "evaluations are in the languages that are asked for, or in two of them (CONTEXT-QUESTION)",
            "Make them from the languages that are handed over; what chooses may be in any of the task's own languages.",
        )
