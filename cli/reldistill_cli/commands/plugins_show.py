"""``minictl plugins show``: everything about one thing, by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from reldistill_cli.output import print_json, warn
from reldistill_cli.tables import pair_table, print_table, said

if TYPE_CHECKING:
    from reldistill_cli.plugin_descriptions import Description

__all__ = ["show"]


def show(
    name: Annotated[
        str,
        typer.Argument(
            help="A relation, a layer strategy, a family of teachers or an alias, a task, a command of a "
            "plugin, a plugin or a distribution; "
            "distribution:name looks in one alone.",
            metavar="NAME",
            show_default=False,
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Show who provides something, its options, its formula, and the command that uses it. Imports the plugins.

    Exit code 4 if it is a plugin that does not load.

    Example: minictl plugins show qk
    """
    found, failures = _found(name)
    described = [description.source for description in found]
    for source, reason in failures:
        if source not in described:
            warn(f"{source} is left out: {reason}")
    if as_json:
        print_json({"name": name, "found": [description.in_json() for description in found]})
    else:
        for description in found:
            _print(description)
    failed = [description for description in found if description.failure is not None]
    if failed:
        from reldistill.errors import PluginError

        raise PluginError("\n".join(f"{failure.source} does not load: {failure.failure}" for failure in failed))


def _found(name: str) -> tuple[list[Description], list[tuple[object, str]]]:
    """What is called so, and the plugins that do not load; what plugins print goes to stderr."""
    import contextlib
    import sys

    from reldistill.registry import Registry, installed_plugins
    from reldistill.registry.discovery import COMMANDS
    from reldistill_cli.plugin_descriptions import describe

    with contextlib.redirect_stdout(sys.stderr):
        registry = Registry.installed()
        found = describe(name, registry, installed_plugins(), installed_plugins(COMMANDS))
    return found, [(failure.source, failure.reason) for failure in registry.failures]


def _print(description: Description) -> None:
    from reldistill_cli.plugin_descriptions import documentation_url

    source = description.source
    facts = pair_table()
    facts.add_row(said(description.kind), said(description.name))
    facts.add_row("provided by", said(f"{source.distribution} {source.version}, plugin {source.name}"))
    facts.add_row("module", said(source.module))
    if description.made_by is not None:
        facts.add_row("class", said(description.made_by))
    for option, value in description.options.items():
        facts.add_row(said(option.replace("_", " ")), _in_words(value))
    if (url := documentation_url(source)) is not None:
        facts.add_row("documentation", said(url))
    if description.use is not None:
        facts.add_row("use", said(description.use))
    if description.failure is not None:
        facts.add_row("does not load", said(description.failure))
    print_table(facts)
    for line in (description.docs or "").splitlines():
        typer.echo("  " + "".join(sign if sign.isprintable() else "�" for sign in line) if line else "")
    if description.docs:
        typer.echo()


def _in_words(value: object) -> str:
    """A value as a cell; a mapping is a line an entry."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "\n".join(f"{said(key)}: {_in_words(item)}" for key, item in value.items()) or "-"
    if isinstance(value, list):
        return ", ".join(map(_in_words, value)) or "-"
    return said(value)
