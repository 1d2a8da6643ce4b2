"""All checks of a plugin: of its hooks, and of each thing that they give."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reldistill import hookspecs
from reldistill.registry import Catalogue, PluginSource, Registry, installed_plugins
from reldistill.testing.check import Check, ConformanceError
from reldistill.testing.loading import given_source

if TYPE_CHECKING:
    from reldistill.registry import Provided

__all__ = ["checks_of", "plugin_checks"]

HOOKS = [name for name in hookspecs.__all__ if name.startswith(f"{hookspecs.PROJECT}_")]

EXAMPLE = "help(reldistill.hookspecs) has a complete example for each hook."


def plugin_checks(
    module: object, *, data_dir: str | Path | None = None, golden: str | Path | None = None
) -> list[Check]:
    """The checks of a plugin's module and of all that its hooks give, loaded as an installed plugin is.

    ``data_dir`` and ``golden`` are for tasks: see :func:`reldistill.testing.task_checks`. Where they hold a folder, or a
    file with ``.json``, of a task's name, the task gets that. A module that cannot be loaded has one check, which says why.
    """
    return checks_of(given_source(module), data_dir=data_dir, golden=golden)


def checks_of(
    source: PluginSource, *, data_dir: str | Path | None = None, golden: str | Path | None = None
) -> list[Check]:
    """The same of an installed plugin."""
    registry = Registry([source])
    subject = f"plugin {source.name}"
    loads = Check(
        subject, "loads", lambda: _check_loads(registry), "it is imported, its hooks are known and give what they say"
    )
    if registry.failures:
        return [loads]
    found = [
        loads,
        Check(subject, "gives", lambda: _check_gives(source, registry), "it gives at least one thing"),
        Check(subject, "again", lambda: _check_again(source, registry), "its hooks give the same whenever they are called"),
        Check(subject, "quiet", lambda: _check_quiet(source), "its hooks print nothing"),
        Check(subject, "names", lambda: _check_names(source, registry), "it takes no name of the toolkit's own"),
    ]  # fmt: skip
    return found + list(_checks_of_things(registry, data_dir, golden))


def _checks_of_things(registry: Registry, data_dir: str | Path | None, golden: str | Path | None) -> Iterator[Check]:
    from reldistill import testing  # which imports what a kind of thing needs when there is one

    for relation in registry.relations:
        yield from testing.relation_checks(relation.thing)
    for strategy in registry.layer_strategies:
        yield from testing.layer_strategy_checks(strategy.thing)
    for adapter in registry.teachers:
        yield from testing.teacher_checks(adapter.thing)
    names = registry.tasks.names()
    folders, files = _own(data_dir, names), _own(golden, names, ".json")
    for task in registry.tasks:
        yield from testing.task_checks(task.thing, data_dir=folders[task.name], golden=files[task.name])


def _own(path: str | Path | None, names: list[str], suffix: str = "") -> dict[str, Path | None]:
    """Name -> what is of this name in the folder; where nothing is of any, the path itself for all of them."""
    if path is None:
        return dict.fromkeys(names)
    own = {name: Path(path) / f"{name}{suffix}" for name in names}
    if any(place.exists() for place in own.values()):
        return {name: place if place.exists() else None for name, place in own.items()}
    return dict.fromkeys(names, Path(path))


def _catalogues(registry: Registry) -> list[Catalogue[Any]]:
    return [registry.relations, registry.layer_strategies, registry.teachers, registry.tasks]


def _things(registry: Registry) -> list[tuple[str, Provided[Any]]]:
    return [(catalogue.kind, provided) for catalogue in _catalogues(registry) for provided in catalogue]


def _check_loads(registry: Registry) -> None:
    for failure in registry.failures:
        raise ConformanceError(
            f"the plugin does not load: {failure.reason}",
            "a plugin is a module that can be imported, whose hooks have the names and arguments of "
            "reldistill.hookspecs, and give what these say",
            f"Correct what is named; {EXAMPLE}",
        )


def _check_gives(source: PluginSource, registry: Registry) -> None:
    if _things(registry):
        return
    module = source.entry_point.load()
    unmarked = [hook for hook in HOOKS if callable(getattr(module, hook, None))]
    raise ConformanceError(
        f"{', '.join(unmarked)} is there without @hookimpl" if unmarked else "no hook gives anything",
        "what a plugin gives comes from functions that are named as hooks and marked with @reldistill.hookimpl",
        f"Mark them; {EXAMPLE}"
        if unmarked
        else f"Add a hook ({', '.join(HOOKS)}), or let it give something; {EXAMPLE}",
    )


def _check_again(source: PluginSource, registry: Registry) -> None:
    before = [(kind, provided.name) for kind, provided in _things(registry)]
    after = [(kind, provided.name) for kind, provided in _things(Registry([source]))]
    if after != before:
        raise ConformanceError(
            f"called again, the hooks gave {_named(after)} where they had given {_named(before)}",
            "each process, and each registry, asks the hooks anew and must get the same",
            "Return a new list each time: not a generator that is used up, nor what depends on earlier calls.",
        )


def _check_quiet(source: PluginSource) -> None:
    module = source.entry_point.load()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for hook in HOOKS:
            if callable(function := getattr(module, hook, None)):
                list(function())
    if printed.getvalue():
        raise ConformanceError(
            f"a hook printed {printed.getvalue().strip()[:80]!r}",
            "stdout belongs to the command that is run: scripts read its --json",
            "Take the print out, or use the module logging.",
        )


def _check_names(source: PluginSource, registry: Registry) -> None:
    builtin = Registry([other for other in installed_plugins() if other.builtin and other.module != source.module])
    taken = {(kind, provided.name) for kind, provided in _things(builtin)}
    for kind, provided in _things(registry):
        if (kind, provided.name) in taken:
            raise ConformanceError(
                f"the {kind} {provided.name!r} is one of the toolkit's own",
                "the name of a built-in cannot be taken; it would be found only as distribution:name",
                f"Give it a name of its own, for example {source.name.split('.')[0].replace('_', '-')}-{provided.name}.",
            )


def _named(things: list[tuple[str, str]]) -> str:
    return ", ".join(f"{kind} {name}" for kind, name in things) or "nothing"
