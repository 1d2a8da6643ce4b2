"""The demo's text: English documentation that is on the machine already.

The reference manual that pydoc carries, then the docstrings of the standard library, then those of the installed
packages in the order of their names, until there is enough.
"""

from __future__ import annotations

import ast
import hashlib
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

from reldistill.errors import DataError

__all__ = ["HELD_OUT_SHARE", "write_demo_text"]

HELD_OUT_SHARE = 50
"""One document of so many is kept for measuring."""
SHORTEST = 200
LONGEST_SOURCE = 300_000
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def write_demo_text(train: Path, held_out: Path, *, enough: int = 8_000_000, least: int = 5_000_000) -> int:
    """Write documents, one a line, to two files that share none; returns the bytes of both.

    Which file a document goes to depends on its own text, so it is the same on each machine. Raises
    :class:`DataError` where the machine has fewer than ``least`` bytes.
    """
    written, seen = 0, set[bytes]()
    with train.open("w", encoding="utf-8") as training, held_out.open("w", encoding="utf-8") as measuring:
        for document in _documents():
            line = " ".join(document.split())
            digest = hashlib.sha256(line.encode("utf-8", "replace")).digest()
            if len(line) < SHORTEST or digest in seen or not _is_prose(line):
                continue
            seen.add(digest)
            (measuring if digest[0] % HELD_OUT_SHARE == 0 else training).write(line + "\n")
            written += len(line.encode()) + 1
            if written >= enough:
                return written
    if written < least:
        raise DataError(
            f"the documentation on this machine is {written / 1e6:.1f} MB, the demo needs {least / 1e6:.0f} MB",
            hint="Distil your own text instead: minictl distill --teacher … --data FILE.",
        )
    return written


def _documents() -> Iterator[str]:
    yield from _manual()
    standard_library, packages = Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("purelib"))
    for root in (standard_library, packages):
        for path in sorted(root.rglob("*.py")):
            inside = path.relative_to(root).parts
            if (
                not {"site-packages", "test", "tests", "idlelib"} & set(inside)
                and path.stat().st_size <= LONGEST_SOURCE
            ):
                yield from _docstrings(path)


def _manual() -> Iterator[str]:
    """The chapters of the language reference that ``help()`` shows, by paragraphs of a screen or so."""
    try:
        from pydoc_data.topics import topics
    except ImportError:  # some distributions leave it out
        return
    for _, text in sorted(topics.items()):
        paragraphs: list[str] = []
        for paragraph in text.split("\n\n"):
            paragraphs.append(paragraph)
            if sum(map(len, paragraphs)) >= 1_000:
                yield "\n".join(paragraphs)
                paragraphs = []
        yield "\n".join(paragraphs)


def _docstrings(path: Path) -> Iterator[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError, RecursionError, OSError):
        return  # a template, another encoding, an older language: there is enough other text
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and (text := ast.get_docstring(node)):
            yield text


def _is_prose(line: str) -> bool:
    letters = sum(character.isalpha() or character == " " for character in line)
    return line.isprintable() and line.isascii() and letters >= 0.75 * len(line)
