"""Commands that other distributions add: named in help by their metadata, imported when they are run."""

from __future__ import annotations

import contextlib
import inspect
import re
import sys
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from reldistill.errors import PluginError, ReldistillError
from reldistill.registry.blame import plugin_error
from reldistill.registry.discovery import (
    COMMANDS,
    RESTRICTION,
    PluginSource,
    canonical,
    chosen_plugins,
    installed_plugins,
)
from reldistill_cli.failures import GuardedGroup, is_loader_error

__all__ = ["RootGroup", "command_obstacle"]

PANEL = "Commands of plugins"

MADE_BY = __name__
"""Where a context keeps the plugin whose command it runs."""

_NAME = re.compile(r"[A-Za-z0-9][\w.\-]*")

_SHOWN: type[BaseException] = next(
    k for k in reversed(typer.BadParameter.__mro__) if k not in (object, BaseException, Exception)
)
"""The base of what Typer itself shows and ends with 2."""


class RootGroup(GuardedGroup):
    """The built-in commands, and behind them those of plugins. A built-in command is found without looking for others."""

    def list_commands(self, ctx: Any) -> list[str]:
        try:
            sources = self._enabled()
        except PluginError:  # help is given all the same; who asks for a command is told
            sources = []
        names = [source.name for source in sources]
        # Of two with one name, each is shown as it is asked for.
        return super().list_commands(ctx) + [
            f"{s.distribution}:{s.name}" if names.count(s.name) > 1 else s.name for s in sources
        ]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A built-in command, or what stands for that of a plugin; None where there is none of this name.

        Raises :class:`PluginError` where two distributions have it, or it is left out.
        """
        builtin = super().get_command(ctx, cmd_name)
        return builtin if builtin is not None else self._of_plugin(cmd_name)

    def run(self, ctx: Any) -> Any:
        try:
            return super().run(ctx)
        except (ReldistillError, BrokenPipeError, typer.Exit, typer.Abort, _SHOWN):
            raise
        except Exception as error:
            source = ctx.meta.get(MADE_BY)
            if source is None or is_loader_error(error):
                raise
            raise plugin_error(source, "it", error) from error

    def _enabled(self) -> list[PluginSource]:
        sources = chosen_plugins(installed_plugins(COMMANDS))
        return [source for source in sources if command_obstacle(source, set(self.commands)) is None]

    def _of_plugin(self, asked: str) -> TyperCommand | None:
        distribution, _, name = asked.rpartition(":")
        installed = [
            s
            for s in installed_plugins(COMMANDS)
            if s.name == name and (not distribution or s.distribution == canonical(distribution))
        ]
        if not installed:
            return None
        found = chosen_plugins(installed)
        if not found:
            raise PluginError(
                f"{' and '.join(map(str, installed))} is left out by {RESTRICTION}",
                hint=f"Name it there, or unset {RESTRICTION}.",
            )
        if len(found) > 1:
            owners, choices = " and ".join(map(str, found)), " or ".join(f"{s.distribution}:{s.name}" for s in found)
            raise PluginError(f"minictl {name} is provided by {owners}", hint=f"Say which: minictl {choices}.")
        return PluginCommand(asked, found[0])


def command_obstacle(source: PluginSource, builtin: set[str]) -> str | None:
    """Why a command cannot be had under its own name, in words; None where it can."""
    if source.name in builtin:
        return "a command of minictl's own has this name"
    return None if _NAME.fullmatch(source.name) else "not a name of a command"


class PluginCommand(TyperCommand):
    """Stands for a command until it is run."""

    def __init__(self, name: str, source: PluginSource) -> None:
        about = f"{source.summary} ({source.distribution} {source.version})".strip()
        super().__init__(name, callback=lambda: None, help=about, short_help=about, rich_help_panel=PANEL)
        self._source = source

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        if extra.get("resilient_parsing"):  # a shell asks what could come next: not worth an import
            return super().make_context(info_name, [], parent=parent, **extra)
        if parent is not None:
            parent.meta[MADE_BY] = self._source
        return _loaded(self._source, info_name or self._source.name).make_context(
            info_name, args, parent=parent, **extra
        )


def _loaded(source: PluginSource, name: str) -> Any:
    """The command as Typer's class. Raises :class:`PluginError` where it cannot be imported or is none."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            thing = source.entry_point.load()
        if isinstance(thing, typer.Typer):
            return typer.main.get_command(thing)
        if isinstance(thing, TyperCommand | TyperGroup):
            return thing
        if callable(getattr(thing, "main", None)) and callable(getattr(thing, "make_context", None)):
            return _click_command(thing, name)
        if inspect.isroutine(thing):
            app = typer.Typer(add_completion=False)
            app.command(name)(thing)
            return typer.main.get_command(app)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also SystemExit at import
        raise plugin_error(source, "its import", error) from error
    raise PluginError(
        f"{source}: {source.entry_point.value} is of type {type(thing).__name__}, which is no command",
        hint="The entry point must name a typer.Typer, a function with Typer's annotations, or a click command.",
    )


def _click_command(command: Any, name: str) -> TyperCommand:
    """A command of click's own, which reads its arguments itself."""

    def run(ctx: typer.Context) -> None:
        command.main(args=list(ctx.args), prog_name=f"minictl {name}")

    return typer.main.get_command(_with_raw_arguments(run, name))  # type: ignore[return-value]


def _with_raw_arguments(run: Any, name: str) -> typer.Typer:
    app = typer.Typer(add_completion=False)
    raw = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
    app.command(name, context_settings=raw, add_help_option=False)(run)
    return app
