"""What a person gives as ``--data``: a corpus, text on this machine, or text on the Hub."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reldistill.errors import DataError
from reldistill.hub.text import HubText, default_text, parse_hub_text
from reldistill.local_path import local_path

__all__ = ["TextSource", "text_source"]


@dataclass(frozen=True)
class TextSource:
    """What ``--data`` names: a corpus that exists, local text, or text on the Hub. Just one is set."""

    corpus: Path | None = None
    files: tuple[str, ...] = ()
    hub: HubText | None = None

    def __str__(self) -> str:
        return str(self.corpus or self.hub or ", ".join(self.files))

    @property
    def names(self) -> str:
        """The same without the folders that local text lies in: what those who get the student may know."""
        if self.hub is not None:
            return str(self.hub)
        return ", ".join(Path(path).name for path in ([self.corpus] if self.corpus else self.files))

    def local_files(self) -> list[Path]:
        """The files behind :attr:`files`, folders walked and globs expanded; a path that exists is no glob."""
        found: list[Path] = []
        for spec in self.files:
            for path in [Path(spec)] if Path(spec).exists() else map(Path, sorted(glob.glob(spec, recursive=True))):
                found += sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        return found


def text_source(specs: Sequence[str], family: str, text_column: str) -> TextSource:
    """Tell the three kinds apart; without a ``spec`` the default text of the family, from the Hub.

    Raises :class:`DataError` where a path does not exist or kinds are mixed.
    """
    if not specs:
        return TextSource(hub=default_text(family))
    local = [spec for spec in specs if _is_local(spec)]
    if not local:
        if len(specs) > 1:
            raise DataError(
                "more than one data set of the Hub", hint="Give one; several of its configurations are joined by +."
            )
        return TextSource(hub=replace(parse_hub_text(specs[0]), text_column=text_column))
    if len(local) < len(specs):
        missing = next(spec for spec in specs if spec not in local)
        raise DataError(
            f"--data {missing}: no such file or folder",
            hint="Local text and data sets of the Hub cannot be mixed in one run.",
        )
    corpora = [spec for spec in specs if (local_path(spec) / "manifest.json").is_file()]
    if corpora and len(specs) > 1:
        raise DataError(
            f"--data {corpora[0]} is a corpus and cannot be joined with other data",
            hint="Give one corpus, or any number of text files that are made into one.",
        )
    if corpora:
        return TextSource(corpus=local_path(corpora[0]))
    return TextSource(files=tuple(str(local_path(spec)) for spec in specs))


def _is_local(spec: str) -> bool:
    path = local_path(spec)
    looks_local = spec.startswith((".", "/", "~")) or spec.endswith((".txt", ".jsonl")) or any(c in spec for c in "*?[")
    if path.exists() or glob.glob(str(path), recursive=True):
        return True
    if looks_local or "/" not in spec:
        raise DataError(
            f"--data {spec}: no such file or folder",
            hint="Give .txt or .jsonl files, folders or globs of them, a corpus of `minictl data build`, or owner/name on the Hub.",
        )
    return False
