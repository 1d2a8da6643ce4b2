"""A command's options from the fields of a configuration: one place for name, type, default and help."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from dataclasses import fields
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from reldistill.config import DISTILL, ConfigKind, ResolvedConfig, from_text, resolve_config
from reldistill.config.option_types import alternatives, flag, has_commas, is_list, item_type

__all__ = ["with_config_options", "with_resolved_config"]


def with_config_options(
    body: Callable[..., None], only: Collection[str] | None = None, kind: ConfigKind[Any] = DISTILL
) -> Callable[..., None]:
    """A Typer command that calls ``body`` with a configuration of this kind as its first argument.

    It has an option for each field of the configuration, ``--config`` and, where there are presets, ``--preset``, and behind
    them those of ``body``, whose other parameters carry Typer annotations. Fields that are not in ``only`` have no option;
    environment, file and preset can set them all the same.
    """

    def with_config(resolved: ResolvedConfig[Any], **values: Any) -> None:
        body(resolved.config, **values)

    with_config.__signature__ = inspect.signature(body, eval_str=True)  # type: ignore[attr-defined]
    with_config.__doc__ = body.__doc__
    return with_resolved_config(with_config, only, kind)


def with_resolved_config(
    body: Callable[..., None], only: Collection[str] | None = None, kind: ConfigKind[Any] = DISTILL
) -> Callable[..., None]:
    """The same, but ``body`` is given a :class:`ResolvedConfig`, which knows where each value comes from."""
    chosen = [field for field in fields(kind.config_type) if only is None or field.name in only]
    names = [*(field.name for field in chosen), *kind.selectors]
    parameters = [CONTEXT, *(_parameter(field, kind.types[field.name]) for field in chosen)]
    parameters += [_selector(name, kind) for name in kind.selectors]
    own = [p.replace(kind=p.KEYWORD_ONLY) for p in inspect.signature(body, eval_str=True).parameters.values()][1:]

    def command(context: typer.Context, **values: Any) -> None:
        options = {name: values.pop(name) for name in names}
        given = {
            name: _read(name, kind.type_of(name), value) for name, value in options.items() if _was_given(context, name)
        }
        body(resolve_config(given, kind=kind), **values)

    command.__doc__ = body.__doc__
    signature = inspect.Signature([*parameters, *own])
    command.__signature__ = signature  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    return command


def _was_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _read(name: str, option_type: Any, value: Any) -> Any:
    return from_text(option_type, value, asked=f"{flag(name)} {value}") if _is_read_here(option_type) else value


def _is_read_here(option_type: Any) -> bool:
    """Whether Typer knows no such type and hands over the text: an option of several types, or of items with commas."""
    members = alternatives(option_type)
    return len(members) > 1 or has_commas(members[0])


def _keyword(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


CONTEXT = _keyword("context", typer.Context)


def _selector(name: str, kind: ConfigKind[Any]) -> inspect.Parameter:
    metavar, help = {
        "config": (
            "FILE",
            f"TOML file of options{': that of a run folder starts the same run again' if kind is DISTILL else ''}. Flags and "
            f"{kind.prefix}… variables go before it.",
        ),
        "preset": ("NAME", "A paper's numbers, below all other sources: see `minictl config presets`."),
    }[name]
    declared = typer.Option(flag(name), help=help, metavar=metavar, rich_help_panel="Configuration")
    return _keyword(name, Annotated[str | None, declared], None)


def _parameter(field: Any, option_type: Any) -> inspect.Parameter:
    members = alternatives(option_type)
    by_hand, repeated = _is_read_here(option_type), is_list(members[0]) and not has_commas(members[0])
    plain: Any = str | None if by_hand else list[str] if repeated else option_type
    declared = typer.Option(
        f"{flag(field.name)}/--no-{flag(field.name)[2:]}" if option_type is bool else flag(field.name),
        help=field.metadata["help"],
        metavar=f"<{'|'.join(map(_placeholder, members))}>" if by_hand else None,
        rich_help_panel=field.metadata["panel"],
        show_default=_shows_default(field.default),
    )
    return _keyword(field.name, Annotated[plain, declared], [] if repeated else field.default)


def _placeholder(member: Any) -> str:
    if has_commas(member):
        return f"{item_type(member).__name__},…"
    return "|".join(get_args(member)) if get_origin(member) is Literal else str(member.__name__)


def _shows_default(default: Any) -> bool:
    return default not in (None, "", ())
