"""A command's options from the fields of a configuration: one place for name, type, default and help."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from dataclasses import fields
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from reldistill.config import DistillConfig, ResolvedConfig, from_text, resolve_config
from reldistill.config.option_types import alternatives, flag, is_list, option_types

__all__ = ["with_config_options", "with_resolved_config"]

TYPES = option_types(DistillConfig)


def with_config_options(body: Callable[..., None], only: Collection[str] | None = None) -> Callable[..., None]:
    """A Typer command that calls ``body`` with a :class:`DistillConfig` as its first argument.

    It has an option for each field of the configuration, ``--config`` and ``--preset``, and behind them those of
    ``body``, whose other parameters carry Typer annotations. Fields that are not in ``only`` have no option; environment,
    file and preset can set them all the same.
    """

    def with_config(resolved: ResolvedConfig, **values: Any) -> None:
        body(resolved.config, **values)

    with_config.__signature__ = inspect.signature(body, eval_str=True)  # type: ignore[attr-defined]
    with_config.__doc__ = body.__doc__
    return with_resolved_config(with_config, only)


def with_resolved_config(body: Callable[..., None], only: Collection[str] | None = None) -> Callable[..., None]:
    """The same, but ``body`` is given a :class:`ResolvedConfig`, which knows where each value comes from."""
    chosen = [field for field in fields(DistillConfig) if only is None or field.name in only]
    names = [*(field.name for field in chosen), "config", "preset"]
    parameters = [CONTEXT, *map(_parameter, chosen), *SOURCES]
    own = [p.replace(kind=p.KEYWORD_ONLY) for p in inspect.signature(body, eval_str=True).parameters.values()][1:]

    def command(context: typer.Context, **values: Any) -> None:
        options = {name: values.pop(name) for name in names}
        given = {name: _read(name, value) for name, value in options.items() if _was_given(context, name)}
        body(resolve_config(given), **values)

    command.__doc__ = body.__doc__
    signature = inspect.Signature([*parameters, *own])
    command.__signature__ = signature  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    return command


def _was_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _read(name: str, value: Any) -> Any:
    """Of an option of several types Typer hands over the text."""
    several = name in TYPES and len(alternatives(TYPES[name])) > 1
    return from_text(TYPES[name], value, asked=f"{flag(name)} {value}") if several else value


def _keyword(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


CONTEXT = _keyword("context", typer.Context)

SOURCES = [
    _keyword(
        "config",
        Annotated[
            str | None,
            typer.Option(
                "--config",
                help="TOML file of options: that of a run folder starts the same run again. Flags and MINICTL_… variables "
                "go before it.",
                metavar="FILE",
                rich_help_panel="Configuration",
            ),
        ],
        None,
    ),
    _keyword(
        "preset",
        Annotated[
            str | None,
            typer.Option(
                "--preset",
                help="A paper's numbers, below all other sources: see `minictl config presets`.",
                metavar="NAME",
                rich_help_panel="Configuration",
            ),
        ],
        None,
    ),
]


def _parameter(field: Any) -> inspect.Parameter:
    kind = TYPES[field.name]
    several = len(members := alternatives(kind)) > 1
    plain: Any = list[str] if is_list(kind) else str | None if several else kind
    declared = typer.Option(
        f"{flag(field.name)}/--no-{flag(field.name)[2:]}" if kind is bool else flag(field.name),
        help=field.metadata["help"],
        metavar=f"<{'|'.join(map(_placeholder, members))}>" if several else None,
        rich_help_panel=field.metadata["panel"],
        show_default=_shows_default(field.default),
    )
    return _keyword(field.name, Annotated[plain, declared], [] if is_list(kind) else field.default)


def _placeholder(member: Any) -> str:
    return "|".join(get_args(member)) if get_origin(member) is Literal else str(member.__name__)


def _shows_default(default: Any) -> bool:
    return default not in (None, "", ())
