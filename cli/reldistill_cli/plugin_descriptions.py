"""What there is to say of a thing that plugins give, or of a plugin, found by its name."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reldistill.errors import PluginError, ReldistillError, UsageError, did_you_mean
from reldistill.layers import LayerContext, LayerStrategy, pairs_in_words
from reldistill.registry import RESTRICTION, Catalogue, PluginSource, Provided, Registry, blame, not_provided
from reldistill.registry.discovery import canonical, chosen_plugins
from reldistill.teacher import as_alias
from reldistill_cli.plugin_use import use_command

__all__ = ["Description", "describe", "documentation_url"]

FIELDS: Mapping[str, tuple[str, ...]] = {
    "relation": ("needs",),
    "layer strategy": (),
    "teacher family": ("model_types", "aliases"),
    "task": (
        "family", "languages", "learning_rates", "epochs", "batch_size", "max_length", "main_metric", "best_epoch",
    ),
}  # fmt: skip
"""What the contract of each kind has beside the name."""

EXAMPLES = (LayerContext("bert", 12, 768, 6, 384), LayerContext("bert", 24, 1024, 6, 384))
"""Models that a strategy is asked about: the paper's two depths."""


@dataclass(frozen=True)
class Description:
    """A thing, or with the kind ``plugin`` a plugin. ``options``: name -> what JSON can hold. ``use``: the command that uses
    it. ``failure``: why a plugin did not load.
    """

    kind: str
    name: str
    source: PluginSource
    made_by: str | None
    options: Mapping[str, object]
    docs: str | None
    use: str | None = None
    failure: str | None = None

    def in_json(self) -> dict[str, object]:
        """All of it."""
        return {
            "kind": self.kind, "name": self.name, "plugin": self.source.name, "distribution": self.source.distribution,
            "version": self.source.version, "module": self.source.module, "builtin": self.source.builtin,
            "class": self.made_by, "options": dict(self.options), "docs": self.docs, "use": self.use,
            "documentation": documentation_url(self.source), "failure": self.failure,
        }  # fmt: skip


def describe(
    name: str, registry: Registry, installed: list[PluginSource], commands: Sequence[PluginSource] = ()
) -> list[Description]:
    """All that is called so: things, of teachers also by alias or model type, of tasks by family, then plugins and those of a distribution,
    then commands, of which only the metadata is read.

    ``distribution:name`` looks in one distribution alone. ``registry`` holds what was loaded of ``installed``.

    Raises:
        PluginError: nothing is, and some plugin failed to load; or the code of a plugin raised.
        UsageError: nothing is.
    """
    distribution, _, plain = name.rpartition(":")

    def here(source: PluginSource) -> bool:
        return not distribution or source.distribution == canonical(distribution)

    found = [
        _of_thing(kind, catalogue, provided, plain)
        for kind, catalogue in _catalogues(registry).items()
        for provided in catalogue
        if here(provided.source) and (plain in _names(provided) or as_alias(plain) in _aliases(provided))
    ]
    found += [
        _of_plugin(source, registry)
        for source in installed
        if here(source) and (plain == source.name or canonical(plain) == source.distribution)
    ]
    found += [_of_command(source) for source in commands if here(source) and plain == source.name]
    if not found:
        raise _unknown(name, registry, installed, commands)
    return found


def documentation_url(source: PluginSource) -> str | None:
    """Where the metadata of the distribution says that its documentation is."""
    distribution = source.entry_point.dist
    for entry in (distribution.metadata.get_all("Project-URL") or []) if distribution is not None else []:
        label, _, url = entry.partition(",")
        if re.sub(r"[\W_]", "", label).lower() in ("documentation", "docs"):
            return str(url.strip())
    return None


def _catalogues(registry: Registry) -> dict[str, Catalogue[Any]]:
    return {
        catalogue.kind: catalogue
        for catalogue in (registry.relations, registry.layer_strategies, registry.teachers, registry.tasks)
    }


def _names(provided: Provided[Any]) -> set[str]:
    model_types, family = getattr(provided.thing, "model_types", ()), getattr(provided.thing, "family", None)
    return {provided.name, *_aliases(provided), *model_types} | ({family} if isinstance(family, str) else set())


def _aliases(provided: Provided[Any]) -> set[str]:
    return set(getattr(provided.thing, "aliases", ()))


def _of_thing(kind: str, catalogue: Catalogue[Any], provided: Provided[Any], asked: str) -> Description:
    with blame(provided.source, f"what is said of the {kind} {provided.name!r}"):
        thing, made_by = provided.thing, type(provided.thing)
        further = [field.name for field in dataclasses.fields(thing)] if dataclasses.is_dataclass(thing) else []
        names = [name for name in dict.fromkeys((*FIELDS[kind], *further)) if name != "name"]
        options: dict[str, object] = {name: _plain(getattr(thing, name)) for name in names}
        if kind == "layer strategy":
            options["pairs"] = dict(_examples(thing))
        if kind == "task":
            languages = list(thing.languages)
            options |= {
                name: [evaluation.name for evaluation in getattr(thing, name)(languages)]
                for name in ("selection", "evaluations")
            }
        return Description(
            kind, provided.name, provided.source, f"{made_by.__module__}.{made_by.__qualname__}", options, _docs(made_by),
            _use(kind, catalogue, provided, asked),
        )  # fmt: skip


def _use(kind: str, catalogue: Catalogue[Any], provided: Provided[Any], asked: str) -> str:
    if kind == "teacher family":
        aliases = provided.thing.aliases
        return use_command("teacher", as_alias(asked) if as_alias(asked) in aliases else next(iter(aliases), "FOLDER"))
    try:
        plain = catalogue.get(provided.name) is provided
    except PluginError:  # two have the name
        plain = False
    name = provided.name if plain else f"{provided.source.distribution}:{provided.name}"
    if kind == "task":
        return use_command("task", name)
    return use_command("relation" if kind == "relation" else "layers", name)


def _examples(strategy: LayerStrategy) -> Iterator[tuple[str, str]]:
    for context in EXAMPLES:
        try:
            pairs = pairs_in_words(strategy.pairs(context))
        except UsageError as refusal:
            pairs = f"refused: {refusal.message}"
        yield f"{context.teacher_layers} layers, student of {context.student_layers}", pairs


def _of_plugin(source: PluginSource, registry: Registry) -> Description:
    failure = next((failure.reason for failure in registry.failures if failure.source == source), None)
    given = {
        kind: [provided.name for provided in catalogue if provided.source == source]
        for kind, catalogue in _catalogues(registry).items()
    }
    options: dict[str, object] = {"gives": {kind: names for kind, names in given.items() if names}}
    if source not in chosen_plugins([source]):
        options["left_out_by"] = RESTRICTION
    module = sys.modules.get(source.module)
    return Description(
        "plugin", source.name, source, None, options, inspect.getdoc(module) if module else None, failure=failure
    )


def _of_command(source: PluginSource) -> Description:
    options = {} if source in chosen_plugins([source]) else {"left_out_by": RESTRICTION}
    use = f"minictl {source.name} --help"
    return Description("command", source.name, source, None, options, source.summary or None, use)


def _docs(made_by: type) -> str | None:
    """The docstring of the class, or of the nearest base that has one; not the one that dataclass makes up."""
    for cls in made_by.__mro__:
        written = vars(cls).get("__doc__")
        if cls is not object and isinstance(written, str) and not written.startswith(f"{cls.__name__}("):
            return inspect.cleandoc(written)
    return None


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return repr(value)


def _unknown(
    name: str, registry: Registry, installed: list[PluginSource], commands: Sequence[PluginSource]
) -> ReldistillError:
    catalogues = _catalogues(registry)
    plugins = sorted({word for source in installed for word in (source.name, source.distribution)})
    things = {word for catalogue in catalogues.values() for provided in catalogue for word in _names(provided)}
    there = [f"{kind}: {', '.join(catalogue.names())}." for kind, catalogue in catalogues.items()]
    there += [f"plugin or distribution: {', '.join(plugins)}."]
    if added := sorted({source.name for source in commands}):
        there += [f"command: {', '.join(added)}."]
    loaded = chosen_plugins(installed)
    if left_out := [source.name for source in installed if source not in loaded]:
        there.append(f"{RESTRICTION} leaves out what {', '.join(left_out)} would give.")
    hint = "\n".join([*filter(None, [did_you_mean(name, sorted(things) + plugins + added)]), *there])
    return not_provided(f"nothing is called {name!r}", hint, registry.failures)
