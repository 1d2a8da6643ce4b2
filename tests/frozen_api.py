"""What plugins can rely on, derived from the code as a text: ``python tests/frozen_api.py`` writes it anew.

A name that is added to the plugin API is added to :data:`WHOLE` (all of it is promised) or :data:`NAMES` (that it is
there is promised).
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["NAMES", "WHOLE", "describe", "file_of"]

WHOLE: dict[str, tuple[str, ...]] = {
    "reldistill.hookspecs": (
        "PLUGIN_API", "OLDEST_PLUGIN_API", "reldistill_relations", "reldistill_layer_strategies", "reldistill_teachers",
        "reldistill_tasks",
    ),
    "reldistill": (
        "Relation", "PairRelation", "AttentionStates", "LayerStrategy", "LayerPair", "LayerContext", "TeacherAdapter",
        "StudentShape", "Projections", "FusedPart", "ProjectionsOnly", "EvalTask", "Evaluation", "Encoded", "relation_loss", "RelationLoss",
        "ReldistillError", "UsageError", "DataError", "PluginError", "CheckpointError",
    ),
    "reldistill.relation": ("STATE_NAMES", "split_heads"),
    "reldistill.evaluation.data": ("DataSource", "label_names", "read_tsv"),
    "reldistill.evaluation.model": ("model_with_head",),
    "reldistill_plugins.tasks.sentences": ("SentenceTask",),
    "reldistill.testing": (
        "Check", "ConformanceError", "NotApplicable", "plugin_checks", "relation_checks", "layer_strategy_checks",
        "teacher_checks", "task_checks",
    ),
}  # fmt: skip
"""Module -> names of which every field, method, default and type is promised."""

NAMES = {"reldistill": "__all__", "reldistill.evaluation.metrics": "__all__"}
"""Module -> the list of names that are promised to be there."""


def file_of(api: int) -> Path:
    """Where the description of a plugin API lies."""
    return Path(__file__).parent / "core" / f"plugin_api_{api}.txt"


def describe() -> str:
    """The plugin API as it is, a line a promise."""
    lines = []
    for module, attribute in NAMES.items():
        lines.append(f"{module}: {', '.join(sorted(getattr(import_module(module), attribute)))}")
    for module, names in WHOLE.items():
        for name in names:
            lines += ["", *_described(f"{module}.{name}", getattr(import_module(module), name))]
    return "\n".join(lines) + "\n"


def _described(name: str, thing: Any) -> Iterator[str]:
    if inspect.isclass(thing):
        yield f"{name}: {_kind(thing)}"
        yield from (f"    {line}" for line in _members(thing))
    elif callable(thing):
        yield f"{name}{_signature(thing)}"
    else:
        yield f"{name} = {thing!r}"


def _kind(kind: type) -> str:
    if issubclass(kind, Exception):
        return f"{kind.__mro__[1].__name__}, exit code {getattr(kind, 'exit_code', None)}"
    if getattr(kind, "_is_protocol", False):
        return "protocol"
    if dataclasses.is_dataclass(kind):
        frozen = kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
        return "frozen dataclass" if frozen else "dataclass"
    return f"class of {', '.join(base.__name__ for base in kind.__bases__)}"


def _members(kind: type) -> Iterator[str]:
    fields = (
        [field for field in dataclasses.fields(kind) if field.name[0] != "_"] if dataclasses.is_dataclass(kind) else []
    )
    for field in fields:
        default = field.default
        if default is dataclasses.MISSING and field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        shown = "" if default is dataclasses.MISSING else f" = {'…' if callable(default) else repr(default)}"
        yield f"{field.name}: {field.type}{shown}"
    names = {field.name for field in fields}
    ours = [base for base in reversed(kind.__mro__) if base.__module__.startswith("reldistill")]
    for name, member in sorted({name: member for base in ours for name, member in vars(base).items()}.items()):
        if name.startswith("_") and not (name == "__init__" and not fields and inspect.isfunction(member)):
            continue
        if name in names or _is_protocols_own(kind, name):
            continue
        if isinstance(member, property):
            yield f"{name} -> {inspect.get_annotations(member.fget).get('return')}"  # type: ignore[arg-type]
        elif isinstance(member, classmethod):
            yield f"classmethod {name}{_signature(member.__func__)}"
        elif inspect.isfunction(member):
            yield f"{name}{_signature(member)}"


def _is_protocols_own(kind: type, name: str) -> bool:
    return name == "__init__" and bool(getattr(kind, "_is_protocol", False))


def _signature(function: Any) -> str:
    return re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(function)))


if __name__ == "__main__":
    from reldistill import PLUGIN_API

    file = file_of(PLUGIN_API)
    file.write_text(describe(), encoding="utf-8")
    print(file)
