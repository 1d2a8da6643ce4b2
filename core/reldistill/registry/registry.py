"""Loading plugins so that a broken one hurts nobody but those who ask for it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import pluggy

from reldistill import hookspecs
from reldistill.eval_task import EvalTask
from reldistill.layers import LayerStrategy
from reldistill.registry.catalogue import Catalogue, Provided
from reldistill.registry.discovery import RESTRICTION, PluginSource, chosen_plugins, installed_plugins
from reldistill.registry.undisturbed import undisturbed
from reldistill.relation import STATE_NAMES, PairRelation, Relation
from reldistill.teacher import TeacherAdapter

__all__ = ["PluginFailure", "Registry"]

SLOW = 5.0
"""Seconds that a plugin may take to load before the user is told whom to thank."""

_NAME = re.compile(r"[A-Za-z][\w.\-]*")


@dataclass(frozen=True)
class PluginFailure:
    """A plugin that was left out, and why."""

    source: PluginSource
    reason: str

    def __str__(self) -> str:
        return f"{self.source}: {self.reason}"


class Registry:
    """All that the installed plugins provide.

    ``warn`` is called once for each plugin that is left out, and for one that loads slowly; ``failures`` keeps those left out.
    """

    def __init__(self, sources: Iterable[PluginSource], *, warn: Callable[[str], None] = lambda message: None) -> None:
        self.failures: list[PluginFailure] = []
        self.relations: Catalogue[Relation] = Catalogue("relation", self.failures)
        self.layer_strategies: Catalogue[LayerStrategy] = Catalogue("layer strategy", self.failures)
        self.teachers: Catalogue[TeacherAdapter] = Catalogue("teacher family", self.failures)
        self.tasks: Catalogue[EvalTask] = Catalogue("task", self.failures)
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        for source in sources:
            began = time.perf_counter()
            reason = self._load(source)
            seconds = time.perf_counter() - began
            if seconds > SLOW and not source.builtin:
                warn(f"{source} took {seconds:.0f} s to load; {RESTRICTION}= in the environment leaves it out")
            if reason is not None:
                self.failures.append(PluginFailure(source, reason))
                warn(f"{source} is left out: {reason}")

    @classmethod
    def installed(cls, *, warn: Callable[[str], None] = lambda message: None) -> Registry:
        """The registry of the installed plugins, restricted by ``MINICTL_PLUGINS``."""
        return cls(chosen_plugins(installed_plugins()), warn=warn)

    def _load(self, source: PluginSource) -> str | None:
        """Load one plugin; what went wrong, in one line, or None."""
        try:
            with nullcontext() if source.builtin else undisturbed():
                module = source.entry_point.load()
                _check_api(module, source)
                self._manager.register(module, name=f"{source.distribution}:{source.name}")
                self._manager.check_pending()
                provided = self._provided(module, source.distribution)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also SystemExit: a plugin must not end the program
            self._manager.unregister(name=f"{source.distribution}:{source.name}")
            return f"{type(error).__name__}: {_one_line(error)}"
        for catalogue, thing in provided:
            catalogue.add(Provided(thing.name, thing, source))
        return None

    def _provided(self, module: object, distribution: str) -> list[tuple[Catalogue[Any], Any]]:
        kinds: list[tuple[Any, Catalogue[Any], Callable[[Any], None]]] = [
            (self._manager.hook.reldistill_relations, self.relations, _check_relation),
            (self._manager.hook.reldistill_layer_strategies, self.layer_strategies, _check_layer_strategy),
            (self._manager.hook.reldistill_teachers, self.teachers, _check_teacher),
            (self._manager.hook.reldistill_tasks, self.tasks, _check_task),
        ]
        provided = []
        for hook, catalogue, check in kinds:
            names = {other.name for other in catalogue if other.source.distribution == distribution}
            for implementation in hook.get_hookimpls():
                if implementation.plugin is module:
                    for thing in _returned(implementation.function(), hook.name):
                        check(thing)
                        if thing.name in names:  # distribution:name could not tell them apart
                            raise ValueError(f"{distribution} provides two of the {catalogue.kind} {thing.name!r}")
                        names.add(thing.name)
                        provided.append((catalogue, thing))
        return provided


def _check_api(module: object, source: PluginSource) -> None:
    """Whether the plugin API is there that the module was written for; one that says nothing is taken at its word."""
    asked, here = getattr(module, "reldistill_api", None), f"reldistill {version(hookspecs.PROJECT)}"
    if asked is None:
        return
    if type(asked) is not int:
        raise TypeError(
            f"reldistill_api must be the number of the plugin API that it was written for, for example "
            f"{hookspecs.PLUGIN_API}, got {asked!r}"
        )
    if asked > hookspecs.PLUGIN_API:
        raise RuntimeError(
            f"it was written for plugin API {asked}, {here} has {hookspecs.PLUGIN_API}: install a newer reldistill, or an "
            f"older {source.distribution}"
        )
    if asked < hookspecs.OLDEST_PLUGIN_API:
        raise RuntimeError(
            f"it was written for plugin API {asked}, {here} supports {hookspecs.OLDEST_PLUGIN_API} to "
            f"{hookspecs.PLUGIN_API}: install a newer {source.distribution}, or an older reldistill"
        )


def _one_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or ["no message"]
    # pluggy says in its last line what is wrong with a hook; of others, the first one is enough.
    return " ".join(lines) if isinstance(error, pluggy.PluginValidationError) else lines[0]


def _returned(things: Any, hook: str) -> Iterable[Any]:
    if not isinstance(things, Iterable) or isinstance(things, str):
        raise TypeError(f"{hook} must return an iterable, got {things!r}")
    return things


def _check_name(thing: Any, kind: str) -> None:
    name = getattr(thing, "name", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise TypeError(f"a {kind} needs a name of letters, digits, '_', '-' and '.', got {name!r}")


def _check_relation(relation: Any) -> None:
    _check_name(relation, "relation")
    if _unhashable(relation):
        raise TypeError(f"relation {relation.name!r} is not hashable; make it a frozen dataclass")
    needs = getattr(relation, "needs", None)
    if not isinstance(needs, frozenset) or not needs or not needs <= set(STATE_NAMES):
        raise TypeError(
            f"relation {relation.name!r}: needs must be a non-empty frozenset of {', '.join(STATE_NAMES)}, got {needs!r}"
        )
    if not callable(getattr(relation, "logits", None)):
        raise TypeError(f"relation {relation.name!r} has no logits(states, relation_heads)")
    if isinstance(relation, PairRelation) and type(relation).logits is not PairRelation.logits:
        raise TypeError(
            f"relation {relation.name!r} is a PairRelation with logits of its own, which the fast kernels would pass over; "
            "derive from nothing"
        )


def _unhashable(thing: Any) -> bool:
    try:
        hash(thing)
    except TypeError:
        return True
    return False


def _check_layer_strategy(strategy: Any) -> None:
    _check_name(strategy, "layer strategy")
    if not callable(getattr(strategy, "pairs", None)):
        raise TypeError(f"layer strategy {strategy.name!r} has no pairs(context)")


def _check_teacher(adapter: Any) -> None:
    _check_name(adapter, "teacher adapter")
    families, aliases = (getattr(adapter, field, None) for field in ("model_types", "aliases"))
    if not isinstance(families, frozenset) or not families or not all(isinstance(family, str) for family in families):
        raise TypeError(
            f"teacher adapter {adapter.name!r}: model_types must be a non-empty frozenset of str, got {families!r}"
        )
    if not isinstance(aliases, Mapping) or not all(isinstance(word, str) for pair in aliases.items() for word in pair):
        raise TypeError(f"teacher adapter {adapter.name!r}: aliases must be a mapping of str to str, got {aliases!r}")
    methods = ("student_config", "position_offset", "cut", "projections")
    missing = [method for method in methods if not callable(getattr(adapter, method, None))]
    if missing:
        raise TypeError(f"teacher adapter {adapter.name!r} lacks {', '.join(missing)}")


def _check_task(task: Any) -> None:
    _check_name(task, "task")
    for name, kind in (("languages", str), ("learning_rates", float), ("epochs", int)):
        values = getattr(task, name, None)
        if not isinstance(values, tuple) or not values or not all(isinstance(value, kind) for value in values):
            raise TypeError(f"task {task.name!r}: {name} must be a non-empty tuple of {kind.__name__}, got {values!r}")
    for name, kind in (
        ("family", str),
        ("main_metric", str),
        ("max_length", int),
        ("batch_size", int),
        ("best_epoch", bool),
    ):
        if not isinstance(getattr(task, name, None), kind):
            raise TypeError(f"task {task.name!r}: {name} must be of type {kind.__name__}")
    methods = ("selection", "evaluations", "predicted", "load", "model", "encode", "score", "predictions")
    missing = [method for method in methods if not callable(getattr(task, method, None))]
    if missing:
        raise TypeError(f"task {task.name!r} lacks {', '.join(missing)}")
