"""``minictl plugins new``: from a name to a package that passes its own tests."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from reldistill_cli.output import print_json
from reldistill_cli.plugin_use import Kind

__all__ = ["new"]


def new(
    name: Annotated[
        str, typer.Argument(help="Name of the package, and of what it gives.", metavar="NAME", show_default=False)
    ],
    kind: Annotated[Kind, typer.Option(help="What it gives.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the package. (default: NAME)", file_okay=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Write a small package with a working relation, layer strategy, family of teachers or task, and its tests.

    Example: minictl plugins new my-relation --kind relation
    """
    from reldistill_cli.plugin_package import PackageName, check_free, package_files, use_of, write_package

    package = PackageName.parse(name)
    check_free(package)
    folder = output or Path(package.distribution)
    content = package_files(package, kind)
    write_package(content, folder)
    # A folder is told from the name of a distribution by its slash.
    place = str(folder) if folder.is_absolute() or str(folder) != folder.name else f"./{folder}"
    quoted = shlex.quote(str(folder))
    commands = [
        f"pip install -e {shlex.quote(f'{place}[test]')} && pytest {quoted}", use_of(kind, package, quoted)
    ]  # fmt: skip
    if as_json:
        print_json({
            "name": package.distribution, "module": package.module, "kind": kind, "folder": str(folder),
            "files": list(content), "next": commands,
        })  # fmt: skip
        return
    for path in content:
        typer.echo(str(folder / path))
    typer.echo("\nNext:")
    for command in commands:
        typer.echo(f"  {command}")
