"""``result.json``: what one evaluation of one model on one task found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reldistill.errors import DataError, in_one_line

__all__ = ["FORMAT", "RESULT_NAME", "EvaluatedModel", "ResultFile", "Score", "find_results", "read_result"]

FORMAT = 1
RESULT_NAME = "result.json"


@dataclass(frozen=True)
class EvaluatedModel:
    """The encoder that was evaluated; ``parameters`` counts it whole, embeddings included, without a task's head."""

    path: str
    name: str
    teacher: str | None
    model_type: str
    layers: int
    hidden_size: int
    parameters: int
    sha256: str


@dataclass(frozen=True)
class Score:
    """A metric over the seeds, in percent; None where nothing was measured."""

    median: float | None
    mean: float | None
    low: float | None
    high: float | None
    values: tuple[float | None, ...]

    def statistic(self, name: str) -> float | None:
        """``median`` or ``mean``."""
        return self.mean if name == "mean" else self.median


@dataclass(frozen=True)
class ResultFile:
    """One result. ``scores`` is by split or language, then by metric; ``changed`` is the file's time in seconds."""

    path: Path
    changed: float
    task: str
    family: str
    model: EvaluatedModel
    seeds: tuple[int, ...]
    selection: str | None
    protocol: Mapping[str, Any]
    selected: Mapping[str, Any]
    scores: Mapping[str, Mapping[str, Score]]
    main_metric: str

    def score(self, split: str, metric: str) -> Score | None:
        """None where the result has no such split or metric."""
        return self.scores.get(split, {}).get(metric)


def find_results(paths: Iterable[Path]) -> list[ResultFile]:
    """The results below the folders, and those given as files, each once, in the order of their paths.

    Links to folders inside are not followed. Raises :class:`DataError` for a path that is not there, and what
    :func:`read_result` raises.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        if not path.exists():
            raise DataError(f"{path}: there is no such file or folder", hint="Give folders with results below them.")
        for file in sorted(path.rglob(RESULT_NAME)) if path.is_dir() else [path]:
            found.setdefault(file.resolve(), file)
    return [read_result(file) for file in found.values()]


def read_result(path: Path) -> ResultFile:
    """Raises :class:`DataError` for a file that is cut off, no result, or of another version of the format."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _broken(path, in_one_line(error)) from error
    if not isinstance(content, dict):
        raise _broken(path, "it holds no JSON object")
    if content.get("format") != FORMAT:
        raise DataError(
            f"{path}: results of format {content.get('format')!r} are not known here",
            hint=f"This version reads format {FORMAT}: evaluate with the same version that reports.",
        )
    try:
        return _result(path, content)
    except KeyError as error:
        raise _broken(path, f"{error.args[0]} is missing") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise _broken(path, in_one_line(error)) from error


def _result(path: Path, content: Mapping[str, Any]) -> ResultFile:
    protocol = content["protocol"]
    return ResultFile(
        path=path,
        changed=path.stat().st_mtime,
        task=_text(content, "task"),
        family=_text(content, "family"),
        model=_model(content["model"]),
        seeds=tuple(int(seed) for seed in protocol.get("seeds", ())),
        selection=protocol.get("selection"),
        protocol=dict(protocol),
        selected=dict(content.get("selected") or {}),
        scores={
            split: {metric: _score(score) for metric, score in metrics.items()}
            for split, metrics in content["scores"].items()
        },
        main_metric=_text(content, "main_metric"),
    )


def _model(model: Mapping[str, Any]) -> EvaluatedModel:
    teacher = model.get("teacher")
    return EvaluatedModel(
        path=_text(model, "path"), name=_text(model, "name"), teacher=None if teacher is None else _text(model, "teacher"),
        model_type=_text(model, "model_type"), layers=int(model["layers"]), hidden_size=int(model["hidden_size"]),
        parameters=int(model["parameters"]), sha256=_text(model, "sha256"),
    )  # fmt: skip


def _score(score: Mapping[str, Any]) -> Score:
    return Score(
        median=_number(score.get("median")), mean=_number(score.get("mean")), low=_number(score.get("low")),
        high=_number(score.get("high")), values=tuple(_number(value) for value in score.get("values") or ()),
    )  # fmt: skip


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values[key]
    if not isinstance(value, str) or not value:
        raise ValueError(f"{key} is no text: {value!r}")
    return value


def _number(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"a score is no number: {value!r}")
    return float(value)


def _broken(path: Path, reason: str) -> DataError:
    return DataError(
        f"{path}: this is no whole result of an evaluation: {reason}",
        hint="Remove the file, or evaluate again: minictl eval TASK.",
    )
