"""What people type for a family's teachers, and which models it serves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from transformers import AutoConfig

from reldistill.encoder.load import model_class
from reldistill.registry import Registry, installed_plugins
from reldistill.teacher import as_alias
from reldistill.testing.check import ConformanceError

if TYPE_CHECKING:
    from reldistill.teacher import TeacherAdapter

__all__ = ["check_aliases", "check_model_types"]

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def check_aliases(adapter: TeacherAdapter) -> None:
    """By their form; nothing is fetched."""
    for alias, hub_id in adapter.aliases.items():
        typed = as_alias(alias)
        if alias != typed or not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", alias):
            raise ConformanceError(
                f"the alias {alias!r} can never be found",
                "what a user types is looked up in lower case, words joined by '-'",
                f"Write {re.sub(r'[^a-z0-9.-]+', '-', typed).strip('-')!r}; other spellings lead there by themselves.",
            )
        if not HUB_ID.fullmatch(hub_id):
            raise ConformanceError(
                f"the alias {alias!r} leads to {hub_id!r}",
                "an alias leads to a model's id on the Hugging Face Hub",
                "Write owner/name, as in the address of the model's page.",
            )
    for other in _builtin_others(adapter):
        for alias in adapter.aliases.keys() & other.aliases.keys():
            if adapter.aliases[alias] != other.aliases[alias]:
                raise ConformanceError(
                    f"the alias {alias!r} is one of the built-in family {other.name}, and leads to {other.aliases[alias]}",
                    "an alias of the toolkit's own cannot be taken",
                    "Choose another word for it.",
                )


def check_model_types(adapter: TeacherAdapter) -> None:
    """Each has a configuration and a plain model in transformers."""
    for model_type in sorted(adapter.model_types):
        try:
            model_class(AutoConfig.for_model(model_type))
        except (KeyError, ValueError) as error:
            raise ConformanceError(
                f"transformers has no plain model of the type {model_type!r}",
                "model_types are the values of model_type in the config.json of the models that are served",
                "Look at the config.json of a model, or at model_type of its configuration class; a type of your own is "
                "registered with AutoConfig and AutoModel when the plugin is imported.",
            ) from error
        for other in _builtin_others(adapter):
            if model_type in other.model_types:
                raise ConformanceError(
                    f"{model_type!r} is served by the built-in family {other.name}, so this one would never be asked",
                    "a built-in family cannot be replaced",
                    "Take the type out of model_types.",
                )


def _builtin_others(adapter: TeacherAdapter) -> list[TeacherAdapter]:
    builtin = Registry([source for source in installed_plugins() if source.builtin])
    return [provided.thing for provided in builtin.teachers if provided.thing is not adapter]
