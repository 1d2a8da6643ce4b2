"""A new plugin's package: its files from the templates, written whole or not at all."""

from __future__ import annotations

import keyword
import re
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path

from reldistill.errors import UsageError
from reldistill_cli.plugin_use import Kind, use_command

__all__ = ["PackageName", "check_free", "package_files", "use_of", "write_package"]

DESCRIPTIONS: Mapping[Kind, str] = {
    "relation": "A relation for reldistill",
    "layers": "A layer strategy for reldistill",
    "teacher": "A family of teachers for reldistill",
    "task": "A task for reldistill",
}

TEACHER_ALIAS = "electra-base"
"""One of those in the template of a teacher."""

TEST_DATA = "tests/data"
"""Where the template of a task keeps its rows."""

_DISTRIBUTION = re.compile(r"[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9]")


@dataclass(frozen=True)
class PackageName:
    """``distribution``, as the packaging standards normalise it, and the module that it is imported as."""

    distribution: str

    @property
    def module(self) -> str:
        """``my-plugin`` is imported as ``my_plugin``."""
        return self.distribution.replace("-", "_")

    @classmethod
    def parse(cls, text: str) -> PackageName:
        """Raises :class:`UsageError` where it is no name of a distribution, or none that Python can import."""
        if not _DISTRIBUTION.fullmatch(text) or not text[0].isalpha():
            raise UsageError(
                f"{text!r} is not a name for a package",
                hint="Allowed are letters of ASCII, digits, '.', '_' and '-': a letter first, a letter or digit last.",
            )
        name = cls(re.sub(r"[-_.]+", "-", text).lower())
        if keyword.iskeyword(name.module) or name.module in sys.stdlib_module_names:
            raise UsageError(
                f"{text!r} is not a name for a package: {name.module} is a word or a module of Python's own",
                hint=f"Take another, for example {name.distribution}-plugin.",
            )
        return name


def check_free(name: PackageName) -> None:
    """Raise :class:`UsageError` for a name of the toolkit's own, or of a module that is installed here."""
    from reldistill.registry import Registry, installed_plugins

    registry = Registry([source for source in installed_plugins() if source.builtin])
    for catalogue in (registry.relations, registry.layer_strategies, registry.teachers, registry.tasks):
        if name.distribution in catalogue.names():
            raise UsageError(
                f"{name.distribution!r} is a {catalogue.kind} of the toolkit's own",
                hint=f"Take another name, for example my-{name.distribution}; the names there are: "
                f"{', '.join(catalogue.names())}.",
            )
    families = {task.thing.family for task in registry.tasks}
    if name.distribution in families:
        raise UsageError(
            f"{name.distribution!r} is a family of tasks of the toolkit's own",
            hint=f"Take another name, for example my-{name.distribution}.",
        )
    for teacher in registry.teachers:
        if name.distribution in teacher.thing.aliases:
            raise UsageError(
                f"{name.distribution!r} is an alias of {teacher.thing.aliases[name.distribution]}",
                hint=f"Take another name, for example my-{name.distribution}.",
            )
    spec = find_spec(name.module)
    if spec is not None and spec.origin is not None:  # a folder without __init__.py has none
        raise UsageError(
            f"the module {name.module} is installed already: {spec.origin}",
            hint="Take another name, or uninstall the package that has it.",
        )


def use_of(kind: Kind, name: PackageName, folder: str) -> str:
    """The command that uses the new plugin, whose package lies in ``folder``."""
    if kind == "task":
        return f"{use_command(kind, name.distribution)} --data-dir {Path(folder, TEST_DATA)}"
    return use_command(kind, TEACHER_ALIAS if kind == "teacher" else name.distribution)


def package_files(name: PackageName, kind: Kind) -> dict[str, str]:
    """Path within the package -> text, of all its files."""
    templates = files("reldistill_cli") / "plugin_templates"
    words = {
        "my-plugin": name.distribution,
        "my_plugin": name.module,
        "DESCRIPTION": DESCRIPTIONS[kind],
        "reldistill>=0": _requirement(version("reldistill")),
        "USE_COMMAND": use_of(kind, name, ""),
    }
    found = {}
    for folder in ("every_kind", kind):
        for path, text in _texts(templates / folder):
            found["/".join(_replaced(part, words) for part in path)] = _replaced(text, words)
    found[".gitignore"] = found.pop("gitignore")
    return dict(sorted(found.items()))


def write_package(content: Mapping[str, str], folder: Path) -> None:
    """Write the files into a folder that is empty or not there; it gets its name when it is whole.

    Raises :class:`UsageError` where something is there.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file", hint="Give another folder by --output, or another name.")
    if folder.is_dir() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty", hint="Give another folder by --output, or remove what is there.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.with_name(f".{folder.name}.tmp-{secrets.token_hex(4)}")
    try:
        for path, text in content.items():
            file = unfinished / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
        unfinished.rename(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _requirement(installed: str) -> str:
    """The version that the package is made with, and what is as good as that."""
    public = installed.partition("+")[0]
    major, minor = [*re.findall(r"\d+", public), "0"][:2]
    above = f"0.{int(minor) + 1}" if major == "0" else str(int(major) + 1)
    return f"reldistill>={public},<{above}"


def _texts(folder: Traversable, within: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    for entry in folder.iterdir():
        if entry.is_file():
            yield (*within, entry.name), entry.read_text(encoding="utf-8")
        elif entry.name != "__pycache__":  # an installer compiles what ends with .py
            yield from _texts(entry, (*within, entry.name))


def _replaced(text: str, words: Mapping[str, str]) -> str:
    for word, by in words.items():
        text = text.replace(word, by)
    return text
