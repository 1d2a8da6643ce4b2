"""docs/reference/cli.md from the commands of the program itself.

python -m docs.cli_reference            writes it
python -m docs.cli_reference --check    fails where the page says something else

What a terminal's width, the version of Typer or an installed plugin would alter is not on the page.
"""

from __future__ import annotations

import inspect
import os
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from docs.generated import cell, deliver, prose
from typer.utils import get_params_from_function

PAGE = Path(__file__).parent / "reference" / "cli.md"

INTRODUCTION = """\
# Command line

<!-- Made by docs/cli_reference.py of the program's own help; changes go into the program. -->

`minictl COMMAND --help`, or `-h`, shows the same on the terminal. `minictl --install-completion` has the shell complete commands
and options. Options that `distill` shares with a file and the environment are described once more in [Options](options.md), exit
codes in [Errors and exit codes](errors.md). Commands that a plugin brings are not on this page.
"""

COMPLETION = {"install_completion", "show_completion"}
WORDS = {"int": "number", "float": "number", "str": "text", "int,…": "numbers", "float,…": "numbers", "str,…": "texts"}
PLACEHOLDERS = {int: "number", float: "number", str: "text", Path: "path", bool: ""}


def program() -> Any:
    """The commands of ``minictl`` itself, without those of plugins that are installed beside it."""
    os.environ["MINICTL_PLUGINS"] = ""
    from reldistill_cli.main import app

    return typer.main.get_command(app)


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The command and all below it, each with its whole name; hidden ones are left out."""
    yield name, command
    for below, other in getattr(command, "commands", {}).items():
        if not other.hidden:
            yield from commands(other, f"{name} {below}")


def section(name: str, command: Any) -> str:
    """What the page says of one command."""
    annotations = {p.name: p for p in get_params_from_function(inspect.unwrap(command.callback)).values()}
    shown = [p for p in command.params if not p.hidden and p.name not in COMPLETION | {"help"}]
    arguments = [p for p in shown if p.param_type_name == "argument"]
    options = [p for p in shown if p.param_type_name == "option"]
    below = getattr(command, "commands", {})
    usage = [name, *(["[OPTIONS]"] if options else []), *map(usage_of, arguments), *(["COMMAND"] if below else [])]
    parts = [f"## {name}", *paragraphs(command.help or ""), f"```text\n{' '.join(usage)}\n```"]
    if arguments:
        rows = [f"| `{metavar(p)}` | {cell(p.help or '')} |" for p in arguments]
        parts.append("\n".join(["| argument | what it is |", "|---|---|", *rows]))
    panels: dict[str, list[Any]] = {}
    for option in options:
        panels.setdefault(option.rich_help_panel or "", []).append(option)
    for panel, members in panels.items():
        if panel:
            parts.append(f"**{panel}**")
        rows = [option_row(option, annotations[option.name]) for option in members]
        parts.append("\n".join(["| option | what it does |", "|---|---|", *rows]))
    if below:
        rows = [
            f"| [`{name} {other}`](#{name.replace(' ', '-')}-{other}) | {cell(first_sentence(found.help))} |"
            for other, found in below.items()
            if not found.hidden
        ]
        parts.append("\n".join(["| command | what it does |", "|---|---|", *rows]))
    if command.epilog:
        parts.append(prose(command.epilog))
    return "\n\n".join(parts)


def paragraphs(text: str) -> Iterator[str]:
    """Of a command's help; an example becomes a block that can be copied."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if paragraph.startswith("Example: "):
            yield f"```console\n$ {' '.join(paragraph.removeprefix('Example: ').split())}\n```"
        else:
            yield prose(" ".join(paragraph.split()))


def first_sentence(text: str | None) -> str:
    """Of a command's help, without its full stop."""
    return " ".join(inspect.cleandoc(text or "").split("\n\n")[0].split()).split(". ")[0].rstrip(".")


def metavar(argument: Any) -> str:
    """How an argument is called in the usage; an ellipsis stands once, behind it."""
    name = (argument.metavar or argument.name.upper()).strip("[]").removesuffix("...").removesuffix("…")
    return f"{name}…" if argument.nargs == -1 else name


def usage_of(argument: Any) -> str:
    """In brackets where it may be left out."""
    return metavar(argument) if argument.required else f"[{metavar(argument)}]"


def option_row(option: Any, declared: Any) -> str:
    """Its names and what it takes; what it does and what it is without. Two columns, for narrow screens."""
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    taken, default = value_of(option, declared), default_of(option, declared)
    left = f"{names}<br>{taken}" if taken else names
    return f"| {left} | {cell(option.help or '')}{f' {default}' if default else ''} |"


def value_of(option: Any, declared: Any) -> str:
    """What it takes: choices as they are typed, else a word."""
    if option.metavar:
        return ", ".join(WORDS.get(kind, f"`{kind}`") for kind in option.metavar.strip("<>").split("|"))
    kind = item_type(declared.annotation)
    if typing.get_origin(kind) is typing.Literal:
        return ", ".join(f"`{choice}`" for choice in typing.get_args(kind))
    least, most = declared.default.min, declared.default.max
    bounds = f" ≥ {least}" if least is not None else ""
    bounds += f" ≤ {most}" if most is not None else ""
    return PLACEHOLDERS[kind] + bounds


def item_type(annotation: Any) -> Any:
    """Of a list its items', of something that may be None what it is else."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        (annotation,) = (member for member in typing.get_args(annotation) if member is not type(None))
    if typing.get_origin(annotation) in (list, tuple):
        annotation = typing.get_args(annotation)[0]
    return annotation


def default_of(option: Any, declared: Any) -> str:
    """A sentence; empty where there is none, where it is off, or where the help says it."""
    default = option.default
    if option.required:
        return "Required."
    if default is None or default is False or callable(default) or not declared.default.show_default:
        return ""
    if default is True:
        return "On by default."
    values = [f"`{value}`" for value in (default if isinstance(default, list | tuple) else [default]) if value != ""]
    return f"Default: {', '.join(values)}." if values else ""


def main() -> None:
    """Write the page, or compare it."""
    sections = [section(name, command) for name, command in commands(program(), "minictl")]
    deliver(PAGE, "\n\n".join([INTRODUCTION.rstrip(), *sections]) + "\n")


if __name__ == "__main__":
    main()
