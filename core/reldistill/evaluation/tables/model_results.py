"""The results of one model: a row of each table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reldistill.evaluation.result_file import EvaluatedModel, ResultFile, Score

__all__ = ["ModelResults", "group_by_model"]


@dataclass(frozen=True)
class ModelResults:
    """A model with its newest result of each task; ``passed_over`` are the older ones, by task."""

    model: EvaluatedModel
    label: str
    newest: dict[str, ResultFile]
    passed_over: dict[str, int]

    def score(self, task: str, split: str, metric: str) -> Score | None:
        """None where nobody evaluated that, or the evaluation has no such metric."""
        result = self.newest.get(task)
        return result.score(split, metric) if result else None


def group_by_model(results: Iterable[ResultFile]) -> list[ModelResults]:
    """One entry a model, told apart by its SHA-256: those without a teacher first, then by parameters and name.

    Models of one name and teacher get their folder into the label.
    """
    by_model: dict[str, list[ResultFile]] = {}
    for result in sorted(results, key=lambda result: (result.changed, str(result.path))):
        by_model.setdefault(result.model.sha256, []).append(result)
    newest = [found[-1].model for found in by_model.values()]
    models = [_of_one_model(found, newest) for found in by_model.values()]
    return sorted(
        models, key=lambda m: (m.model.teacher is not None, m.model.parameters, m.label, m.model.teacher or "")
    )


def _of_one_model(results: Sequence[ResultFile], models: Sequence[EvaluatedModel]) -> ModelResults:
    """``results`` from the oldest to the newest."""
    model = results[-1].model
    namesakes = sum((other.name, other.teacher) == (model.name, model.teacher) for other in models)
    newest: dict[str, ResultFile] = {}
    passed_over: dict[str, int] = {}
    for result in results:
        if result.task in newest:
            passed_over[result.task] = passed_over.get(result.task, 0) + 1
        newest[result.task] = result
    label = f"{model.name} ({model.path})" if namesakes > 1 else model.name
    return ModelResults(model, label, newest, passed_over)
