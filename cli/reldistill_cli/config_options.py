"""A command's options from the fields of a configuration: one place for name, type, default and help."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from dataclasses import fields
from typing import Annotated, Any, TypeVar, get_origin, get_type_hints

import typer

__all__ = ["with_config_options"]

C = TypeVar("C")


def with_config_options(
    config_type: type[C], body: Callable[..., None], only: Collection[str] | None = None
) -> Callable[..., None]:
    """A Typer command with one option for each field of ``config_type``, and those of ``body`` behind them.

    ``body`` is called with the configuration as its first argument; its other parameters carry Typer annotations.
    Fields that are not in ``only`` keep their defaults and have no option.
    """
    types = get_type_hints(config_type)
    chosen = [f for f in fields(config_type) if only is None or f.name in only]  # type: ignore[arg-type]
    names = [f.name for f in chosen]
    parameters = [_parameter(f, types[f.name]) for f in chosen]
    own = [p.replace(kind=p.KEYWORD_ONLY) for p in inspect.signature(body, eval_str=True).parameters.values()][1:]

    def command(**values: Any) -> None:
        options = {name: values.pop(name) for name in names}
        config = config_type(**{n: tuple(v or ()) if get_origin(types[n]) is tuple else v for n, v in options.items()})
        body(config, **values)

    command.__doc__ = body.__doc__
    signature = inspect.Signature([*parameters, *own])
    command.__signature__ = signature  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    return command


def _parameter(field: Any, kind: Any) -> inspect.Parameter:
    repeatable = get_origin(kind) is tuple
    flag = "--" + field.name.replace("_", "-")
    declared = typer.Option(
        flag,
        help=field.metadata["help"],
        rich_help_panel=field.metadata["panel"],
        show_default=_shows_default(field.default),
    )
    plain: Any = list[str] if repeatable else kind
    annotation = Annotated[plain, declared]
    default = [] if repeatable else field.default
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _shows_default(default: Any) -> bool:
    return default not in (None, "", ())
