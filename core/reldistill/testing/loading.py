"""What a module gives, by the very rules that installed plugins are loaded by."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import Any

from reldistill.hookspecs import PROJECT, hookimpl
from reldistill.registry import PluginSource, Registry
from reldistill.testing.check import ConformanceError

__all__ = ["check_contract", "given_source", "sole_registry"]

GIVEN = "given"
"""The name of the distribution that a module belongs to when it is handed over as it is."""


class _GivenModule(EntryPoint):
    """An entry point whose module is there already."""

    def __init__(self, name: str, module: object) -> None:
        super().__init__(name, getattr(module, "__name__", name), PROJECT)
        vars(self)["module_itself"] = module

    def load(self) -> Any:
        return vars(self)["module_itself"]


def given_source(module: object) -> PluginSource:
    """A module, or any object with hooks, as if a distribution had named it."""
    name = str(getattr(module, "__name__", type(module).__name__))
    return PluginSource(name, GIVEN, "0", _GivenModule(name, module))


def sole_registry(hook: str, thing: object) -> Registry:
    """A registry of one plugin that gives one thing by one hook."""

    def gives() -> Iterable[object]:
        return [thing]

    gives.__name__ = hook
    return Registry([given_source(SimpleNamespace(**{"__name__": "one_thing", hook: hookimpl(gives)}))])


def check_contract(hook: str, thing: object) -> None:
    """Raise :class:`ConformanceError` where a registry would leave the thing out."""
    failures = sole_registry(hook, thing).failures
    if failures:
        kind, _, said = failures[0].reason.partition(": ")
        raise ConformanceError(
            said or kind,
            f"what {hook} gives has the attributes and methods of its protocol; else the plugin is left out",
            f"Correct what is named; help(reldistill.hookspecs.{hook}) has a complete example.",
        )
