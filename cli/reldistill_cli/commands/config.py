"""``minictl config``: where each option's value comes from, whether files are right, and what may stand in them."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Annotated, Any, Literal

import tomli_w
import typer
from rich.console import Console
from rich.table import Table

from reldistill.config import EVAL, KINDS, PRESETS, ResolvedConfig, config_file_problems, config_schema
from reldistill.config.option_types import flag
from reldistill.errors import as_one
from reldistill_cli.config_options import with_resolved_config
from reldistill_cli.output import print_json

app = typer.Typer(no_args_is_help=True, help="See where options come from, check files of options, list presets.")

COMMENT_COLUMN = 40

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.", rich_help_panel="Output")]

Command = Annotated[
    Literal["distill", "eval"],
    typer.Option("--command", help="Whose options they are.", rich_help_panel="Configuration"),
]
Origin = Annotated[bool, typer.Option("--origin", help="Say where each value comes from.", rich_help_panel="Output")]


@app.callback()
def config() -> None:
    """See where options come from, check files of options, list presets."""


def _show(resolved: ResolvedConfig[Any], origin: Origin = False, as_json: AsJson = False) -> None:
    """Show what a distillation with these options would be told: flag over environment over file over preset over default.

    Example: minictl config show --preset minilmv2-base --steps 1000 --origin

    What is printed is a file for --config. Options that are left open are shown as comments: what they become depends on
    teacher, student and machine, and stands in the plan of `minictl distill --dry-run`.
    """
    _print(resolved, origin, as_json)


def _show_eval(resolved: ResolvedConfig[Any], origin: Origin = False, as_json: AsJson = False) -> None:
    """Show what an evaluation with these options would be told: flag over environment over file over default.

    Example: minictl config show-eval --learning-rates 2e-5,5e-5 --origin

    What is printed is a file for `minictl eval --config`. Options that are left open are shown as comments: the task has
    its own default for them.
    """
    _print(resolved, origin, as_json)


def _print(resolved: ResolvedConfig[Any], origin: bool, as_json: bool) -> None:
    if as_json:
        print_json(_as_json(resolved))
        return
    groups: dict[str, list[str]] = {}
    for field in fields(resolved.kind.config_type):
        setting = resolved.settings[field.name]
        line = _line(field, setting.value)
        line = f"{line:<{COMMENT_COLUMN}} # {setting.origin}" if origin else line
        groups.setdefault(f"# {field.metadata['panel']}", []).append(line)
    typer.echo("\n\n".join("\n".join((panel, *lines)) for panel, lines in groups.items()))


app.command("show")(with_resolved_config(_show))
app.command("show-eval")(with_resolved_config(_show_eval, kind=EVAL))


@app.command("validate")
def validate(
    files: Annotated[list[str], typer.Argument(help="TOML files of options.", metavar="FILE...")],
    command: Command = "distill",
    as_json: AsJson = False,
) -> None:
    """Check files of options. All problems are listed; exit code 2 where there are any.

    Example: minictl config validate runs/*/config.toml
    """
    found = {file: config_file_problems(file, KINDS[command]) for file in files}
    problems = [problem for file in found.values() for problem in file]
    if as_json:
        print_json({"files": {file: [str(problem) for problem in there] for file, there in found.items()}})
    else:
        for file, there in found.items():
            if not there:
                typer.echo(f"{file}: valid")
    if problems:
        raise as_one(problems)


@app.command("schema")
def schema(command: Command = "distill") -> None:
    """Print a JSON Schema of a file of options: keys, types, choices, defaults, help.

    Example: minictl config schema > minictl.schema.json
    """
    print_json(config_schema(KINDS[command]))


@app.command("presets")
def presets(as_json: AsJson = False) -> None:
    """List the presets for --preset of a distillation, what each of them sets, and where each number is found.

    Sections are those of the MiniLMv2 paper.
    """
    if as_json:
        print_json(
            {
                preset.name: {
                    "about": preset.about,
                    "values": {name: {"value": v.value, "source": v.source} for name, v in preset.values.items()},
                }
                for preset in PRESETS.values()
            }
        )
        return
    screen = Console(soft_wrap=True, highlight=False)
    for preset in PRESETS.values():
        table = Table(box=None, show_header=False, pad_edge=False)
        for name, given in preset.values.items():
            table.add_row(f"  {flag(name)}", str(given.value), given.source)
        screen.print(f"[bold]{preset.name}[/]: {preset.about}")
        screen.print(table)


def _line(field: Any, value: Any) -> str:
    """``steps = 400000``; of an option that is left open, a comment with what its help says of the default."""
    if value in (None, ""):
        default = re.search(r"\(default: (.*)\)$", field.metadata["help"])
        return f"# {field.name}: {default[1] if default else 'not set'}"
    if isinstance(value, tuple):
        return f"{field.name} = [{', '.join(map(_toml, value))}]"
    return f"{field.name} = {_toml(value)}"


def _toml(value: Any) -> str:
    return tomli_w.dumps({"x": value}).removeprefix("x = ").strip()


def _as_json(resolved: ResolvedConfig[Any]) -> dict[str, Any]:
    def described(setting: Any) -> dict[str, Any] | None:
        return None if setting is None else {"value": setting.value, "origin": setting.origin}

    return {
        "config": described(resolved.config_file),
        **({"preset": described(resolved.preset)} if resolved.kind.presets else {}),
        "options": {name: described(setting) for name, setting in resolved.settings.items()},
    }
