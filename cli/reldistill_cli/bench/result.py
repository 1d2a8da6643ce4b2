"""What comes out of a measurement: a table or JSON on stdout, and a file where one is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reldistill.errors import UsageError
from reldistill_cli.output import print_json

__all__ = ["check_output", "deliver"]


def check_output(output: Path | None) -> None:
    """Raise :class:`UsageError` where the file cannot be written: before minutes are spent on what goes into it."""
    if output is not None and not output.parent.is_dir():
        raise UsageError(
            f"--output {output}: there is no folder {output.parent}", hint="Make it, or give another place."
        )
    if output is not None and output.is_dir():
        raise UsageError(f"--output {output}: it is a folder", hint="Give the name of a file.")


def deliver(
    result: dict[str, Any], output: Path | None, table: Callable[[dict[str, Any]], None], *, as_json: bool
) -> None:
    """Write the file, and print JSON or what ``table`` prints. Raises OSError."""
    if output is not None:
        output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if as_json:
        print_json(result)
    else:
        table(result)
