"""What the methods of adapters and tasks must return. Each check gives what is wrong, in words, or None."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reldistill.eval_task import Encoded, Evaluation
from reldistill.teacher import FusedPart, Projections

__all__ = ["CHECKS"]


def _no(expected: str, value: Any) -> str:
    shown = repr(value)
    return f"{shown if len(shown) <= 80 else f'a {type(value).__name__}'}, which is no {expected}"


def _student_config(_thing: Any, value: Any) -> str | None:
    from transformers import PretrainedConfig

    return None if isinstance(value, PretrainedConfig) else _no("PretrainedConfig", value)


def _position_offset(_thing: Any, value: Any) -> str | None:
    return None if isinstance(value, int) and value >= 0 else _no("number of positions, an int from 0", value)


def _projections(_thing: Any, value: Any) -> str | None:
    from torch import nn

    if not isinstance(value, Projections):
        return _no("Projections", value)
    if not isinstance(value.layer, nn.Module):
        return _no("module as layer", value.layer)
    for name in ("query", "key", "value"):
        module = getattr(value, name)
        if module is not None and not isinstance(module, nn.Module | FusedPart):
            return _no(f"module as {name}", module)
    return None


def _evaluations(_thing: Any, value: Any) -> str | None:
    if not isinstance(value, Sequence) or not all(isinstance(part, Evaluation) for part in value):
        return _no("sequence of Evaluation", value)
    return None


def _some_evaluations(thing: Any, value: Any) -> str | None:
    return _evaluations(thing, value) or (None if value else "none, and at least one Evaluation is needed")


def _load(_thing: Any, value: Any) -> str | None:
    from datasets import Dataset

    return None if isinstance(value, Dataset) else _no("datasets.Dataset", value)


def _model(_thing: Any, value: Any) -> str | None:
    from torch import nn

    return None if isinstance(value, nn.Module) else _no("torch.nn.Module", value)


def _encode(_thing: Any, value: Any) -> str | None:
    if not isinstance(value, Encoded):
        return _no("Encoded", value)
    others = {"token_type_ids": value.token_type_ids, **value.targets, **value.about}
    for name, part in others.items():
        if part is not None and len(part) != len(value):
            return f"{len(part)} {name} for {len(value)} features"
    return None


def _score(task: Any, value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return _no("mapping of metrics to numbers", value)
    for name, number in value.items():
        if not isinstance(name, str):
            return _no("name of a metric", name)
        if number is not None and (isinstance(number, bool) or not isinstance(number, int | float)):
            return f"{name} = {number!r}, which is neither a float nor None"
        if number is not None and not math.isfinite(number):
            return f"{name} = {number}; a metric that is not defined is None"
    if task.main_metric not in value:
        return f"the metrics {', '.join(value) or 'none'}, and its main_metric {task.main_metric!r} is not among them"
    return None


def _predictions(_thing: Any, value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return _no("mapping of file names to texts", value)
    return next((wrong for wrong in map(_wrong_file, value.items()) if wrong is not None), None)


def _wrong_file(file: tuple[Any, Any]) -> str | None:
    name, text = file
    if not isinstance(name, str) or not name or name.startswith(".") or set(name) & set("/\\\0"):
        return _no("name of a file", name)
    return None if isinstance(text, str) else _no(f"text for {name}", text)


CHECKS: Mapping[str, Callable[[Any, Any], str | None]] = {
    "student_config": _student_config,
    "position_offset": _position_offset,
    "projections": _projections,
    "selection": _some_evaluations,
    "evaluations": _some_evaluations,
    "predicted": _evaluations,
    "load": _load,
    "model": _model,
    "encode": _encode,
    "score": _score,
    "predictions": _predictions,
}
"""Method -> its check."""
