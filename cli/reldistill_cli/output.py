"""Where things are printed: results on stdout, everything that accompanies them on stderr."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import typer
from rich.console import Console

__all__ = ["console", "print_json", "results_alone", "warn"]


def console() -> Console:
    """stderr: plain where it is not a terminal."""
    return Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def results_alone() -> AbstractContextManager[object]:
    """Within, what a plugin or a library prints goes to stderr: stdout holds the command's own result."""
    return contextlib.redirect_stdout(sys.stderr)


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON object on stdout."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def warn(message: str) -> None:
    """A warning on stderr."""
    typer.secho(f"warning: {message}", err=True, fg="yellow" if sys.stderr.isatty() else None)
