"""What a person gives as ``--data``: a corpus, text on this machine, or text on the Hub."""

from __future__ import annotations

import glob
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from reldistill.errors import DataError
from reldistill.hub.saved_dataset import SavedDataset, is_saved_dataset
from reldistill.hub.text_name import HubText, default_text, parse_hub_text
from reldistill.hub.text_stream import pinned, stream_documents
from reldistill.local_path import local_path

__all__ = ["TextSource", "file_state", "held_out_source", "streamed_text", "text_source"]

_FORMATS = ".txt, .jsonl or .parquet files (also .gz and .zst)"
_SUFFIXES = tuple(kind + packed for kind in (".txt", ".jsonl", ".parquet") for packed in ("", ".gz", ".zst"))


@dataclass(frozen=True)
class TextSource:
    """What ``--data`` names: corpora that exist, local text, or text on the Hub. Just one is set."""

    corpora: tuple[Path, ...] = ()
    files: tuple[str, ...] = ()
    saved: SavedDataset | None = None
    hub: HubText | None = None

    def __str__(self) -> str:
        return ", ".join(map(str, self.files or self.corpora or (self.saved or self.hub,)))

    @property
    def names(self) -> str:
        """The same without the folders that local text lies in: what those who get the student may know."""
        if self.hub is not None:
            return str(self.hub)
        local = (self.saved.folder,) if self.saved is not None else self.corpora or self.files
        return ", ".join(Path(path).name for path in local)

    def local_files(self) -> list[Path]:
        """The files behind local text, folders walked and globs expanded; a path that exists is no glob."""
        found: list[Path] = self.saved.files() if self.saved is not None else []
        for spec in self.files:
            for path in [Path(spec)] if Path(spec).exists() else map(Path, sorted(glob.glob(spec, recursive=True))):
                found += sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        return found

    def stream(self, *, seed: int) -> Iterator[str] | None:
        """The documents where Python has to fetch them; None where the loader reads files itself.

        ``seed`` decides the order of documents of the Hub.
        """
        if self.hub is not None:
            return stream_documents(self.hub, seed=seed)
        return self.saved.stream() if self.saved is not None else None

    def pinned(self) -> TextSource:
        """The same, text of the Hub at the commit of now. Raises :class:`DataError` where the Hub cannot be asked."""
        return self if self.hub is None else replace(self, hub=pinned(self.hub))

    def resume_key(self, *, seed: int) -> str | None:
        """What tells the documents of :meth:`stream` from any others, if this is pinned; None where that gives None."""
        if self.hub is not None:
            return f"{self.hub!r} {seed} datasets {version('datasets')}"
        if self.saved is None:
            return None
        return json.dumps([self.saved.text_column, [file_state(file) for file in self.saved.files()]])


def file_state(file: Path) -> list[str | int]:
    """What changes when a file does: its place, size and time of change."""
    status = file.stat()
    return [str(file.absolute()), status.st_size, status.st_mtime_ns]


def text_source(specs: Sequence[str], family: str, text_column: str) -> TextSource:
    """Tell the kinds apart; without a ``spec`` the default text of the family, from the Hub.

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
            f"{missing}: no such file or folder",
            hint="Local text and data sets of the Hub cannot be mixed in one run.",
        )
    paths = [local_path(spec) for spec in specs]
    corpora = [path for path in paths if (path / "manifest.json").is_file()]
    saved = [path for path in paths if is_saved_dataset(path)]
    for kind, found, instead in (
        ("corpus", corpora, "corpora alone, or any number of text files, which are made into one corpus"),
        ("saved data set", saved, "one saved data set alone"),
    ):
        alone = len(paths) == len(found) if kind == "corpus" else len(paths) == 1
        if found and not alone:
            raise DataError(
                f"--data {found[0]} is a {kind} and cannot be joined with other data", hint=f"Give {instead}."
            )
    if corpora:
        return TextSource(corpora=tuple(corpora))
    for path in paths:
        if any(path.glob("part-*-of-*/manifest.json")):
            raise DataError(
                f"--data {path} holds parts of a corpus that are not merged",
                hint=f"When all are there: minictl data merge {path}",
            )
    if saved:
        return TextSource(saved=SavedDataset(saved[0], text_column))
    return TextSource(files=tuple(map(str, paths)))


def held_out_source(specs: Sequence[str], family: str, text_column: str) -> TextSource | None:
    """What ``--validation`` names; None where it names nothing.

    Raises :class:`DataError` for text of the Hub, and for several corpora.
    """
    if not specs:
        return None
    source = text_source(specs, family, text_column)
    if source.hub is not None:
        raise DataError(
            f"--validation {source}: held-out text is taken from this machine alone",
            hint="Give .txt, .jsonl or .parquet files, or a corpus of `minictl data build`, that the training does not see.",
        )
    if len(source.corpora) > 1:
        raise DataError(
            f"--validation names {len(source.corpora)} corpora, and each sequence of it is to count once",
            hint="Give one corpus, or text files.",
        )
    return source


def streamed_text(specs: Sequence[str], text_column: str) -> TextSource | None:
    """The one saved data set or data set of the Hub that ``specs`` name; None where they are files.

    Raises :class:`DataError` where neither a path nor the name of a data set is recognised.
    """
    if len(specs) != 1:
        return None
    path = local_path(specs[0])
    if is_saved_dataset(path):
        return TextSource(saved=SavedDataset(path, text_column))
    return None if _is_local(specs[0]) else text_source(specs, "", text_column)


def _is_local(spec: str) -> bool:
    path = local_path(spec)
    looks_local = spec.startswith((".", "/", "~")) or spec.endswith(_SUFFIXES) or any(c in spec for c in "*?[")
    if path.exists() or glob.glob(str(path), recursive=True):
        return True
    if looks_local or "/" not in spec:
        raise DataError(
            f"{spec}: no such file or folder",
            hint=f"Give {_FORMATS}, folders or globs of them, a folder of save_to_disk, a corpus of "
            "`minictl data build`, or owner/name on the Hub.",
        )
    return False
