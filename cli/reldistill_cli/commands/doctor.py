"""``minictl doctor``: what this machine can do."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from reldistill_cli.output import print_json


def command(as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False) -> None:
    """Show what this machine can do: versions, devices, measured speed, kernels, attention backends, folders, Hub, plugins."""
    from reldistill.machine import examine
    from reldistill.registry import Registry

    found = examine(Registry.installed())
    if as_json:
        print_json(found)
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in found.items():
        words = _backends(value) if name in ("loss_kernels", "attention") else _in_words(value)
        table.add_row(f"[bold]{name.replace('_', ' ')}[/]", escape(words))
    Console(soft_wrap=True, highlight=False).print(table)


def _backends(found: dict[str, dict[str, Any]]) -> str:
    """A line for each kernel or backend; below it its operators, and what its library warned of at import."""
    lines = []
    for name, backend in found.items():
        lines.append(_runs(name, backend["reason"]))
        lines += [f"  {_runs(operator, reason)}" for operator, reason in backend.get("operators", {}).items()]
        lines += [f"  warns: {' '.join(warning.split())}" for warning in backend.get("warnings", ())]
    return "\n".join(lines)


def _runs(name: str, reason: str | None) -> str:
    return f"{name} runs" if reason is None else f"{name} does not run: {reason}"


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_in_words(part)}" for name, part in value.items())
    if isinstance(value, list):
        return "; ".join(map(str, value)) or "none"
    return (
        {None: "not installed", True: "yes", False: "no"}.get(value, str(value))
        if not isinstance(value, float)
        else f"{value:g}"
    )
