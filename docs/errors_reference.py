"""The tables of docs/reference/errors.md from the errors themselves.

python -m docs.errors_reference            writes them
python -m docs.errors_reference --check    fails where the page says something else
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable
from pathlib import Path

from docs.generated import cell, deliver, filled

from reldistill.errors import ReldistillError, Stopped
from reldistill_cli.failures import DATA
from reldistill_loader import LoaderError

PAGE = Path(__file__).parent / "reference" / "errors.md"


def defined_with(base: type[BaseException]) -> Iterable[type[BaseException]]:
    """The error and those below it that its module defines, in the order of its lines."""
    things = vars(sys.modules[base.__module__]).values()
    return [thing for thing in things if inspect.isclass(thing) and issubclass(thing, base)]


def table() -> str:
    """A row for each error: its name, its base, its exit code, what it means."""
    found = [*defined_with(ReldistillError), *defined_with(LoaderError), Stopped]
    return "\n".join(["| error | is a | exit code | what it means |", "|---|---|---|---|", *map(row, found)])


def row(error: type[BaseException]) -> str:
    """Of one error."""
    first = inspect.getdoc(error).split("\n\n")[0]  # type: ignore[union-attr]
    meaning = first.partition(" Exit code ")[0]
    code = getattr(error, "exit_code", DATA)
    return f"| `{error.__module__}.{error.__name__}` | `{error.__mro__[1].__name__}` | {code} | {cell(meaning)} |"


def main() -> None:
    """Write the page, or compare it."""
    deliver(PAGE, filled(PAGE.read_text(encoding="utf-8"), {"errors": table()}))


if __name__ == "__main__":
    main()
