"""A folder or the Hub, and what was read of it."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from reldistill.errors import DataError, in_one_line
from reldistill.evaluation.data.content import content_sha256

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["DataSource"]

Parsed = TypeVar("Parsed")

CONVERTED = "refs/convert/parquet"
"""The branch of a data set on which the Hub keeps its rows as Parquet."""


def _converted(repo: str, config: str, split: str) -> Dataset:
    # Not by load_dataset: on this branch nothing says which configurations there are, and what it keeps of single files
    # is not found again offline.
    from datasets import Dataset
    from huggingface_hub import snapshot_download

    files = f"{config}/{split}/*.parquet"
    folder = snapshot_download(repo, repo_type="dataset", revision=CONVERTED, allow_patterns=files)
    found = sorted(map(str, Path(folder).glob(files)))
    if not found:
        raise FileNotFoundError(f"{CONVERTED} has no {files}")
    rows: Dataset = Dataset.from_parquet(found)
    return rows


@contextmanager
def _bars_on_a_terminal_alone() -> Iterator[None]:
    from datasets import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    if sys.stderr.isatty() or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


@dataclass
class DataSource:
    """``folder`` in an official layout, or None for the Hub. ``used``: what was read -> SHA-256 of it."""

    folder: Path | None = None
    used: dict[str, str] = field(default_factory=dict)
    _parsed: dict[Path, Any] = field(default_factory=dict, init=False, repr=False)

    def find(self, names: Iterable[str], within: Sequence[str] = ("",)) -> Path | None:
        """The first of the files that is there; ``within``: folders below the source's to look into, in this order."""
        assert self.folder is not None, "the Hub has no files"
        for place in within:
            for name in names:
                found = sorted((self.folder / place).glob(name))
                if found and found[0].is_file():
                    return found[0]
        return None

    def note(self, path: Path) -> Path:
        """Remember that this file is read, with its content."""
        assert self.folder is not None, "the Hub has no files"
        name = path.relative_to(self.folder).as_posix()
        if name not in self.used:
            with path.open("rb") as file:
                self.used[name] = hashlib.file_digest(file, "sha256").hexdigest()
        return path

    def once(self, path: Path, parse: Callable[[Path], Parsed]) -> Parsed:
        """What ``parse`` makes of a file, which is noted; parsed once, also where several languages stand in it."""
        if path not in self._parsed:
            self._parsed[path] = parse(self.note(path))
        parsed: Parsed = self._parsed[path]
        return parsed

    def saved(self, splits: Sequence[str], within: Sequence[str] = ("",)) -> Dataset | None:
        """Rows that ``datasets`` saved: ``SPLIT*.parquet``, or a folder of ``save_to_disk``; None where there are none.

        Raises :class:`DataError` where they cannot be read.
        """
        assert self.folder is not None, "the Hub has no files"
        from datasets import Dataset, concatenate_datasets, load_from_disk

        for place in within:
            for split in splits:
                folder = self.folder / place
                files = sorted([*folder.glob(f"{split}.parquet"), *folder.glob(f"{split}-*.parquet")])
                try:
                    if files:
                        parts = [Dataset.from_parquet(str(self.note(file)), keep_in_memory=True) for file in files]
                        return concatenate_datasets(parts)
                    if (folder / split / "state.json").is_file():
                        for file in sorted((folder / split).iterdir()):
                            self.note(file)
                        return load_from_disk(str(folder / split))
                except DataError:
                    raise
                except Exception as error:  # pyarrow and datasets have errors of many kinds
                    raise DataError(
                        f"{folder / split} cannot be read: {in_one_line(error)}", hint="Save the data set anew."
                    ) from error
        return None

    def hub(self, repo: str, config: str | None, split: str, *, converted: bool = False) -> Dataset:
        """Rows of a data set on the Hub, from its Parquet files; kept in the cache of ``datasets``.

        ``converted``: the repository holds a script, which nobody runs; its rows are read from the Hub's own copy.
        Raises :class:`DataError` where it is out of reach, not there, or has no such split.
        """
        from datasets import load_dataset

        try:
            with _bars_on_a_terminal_alone():
                found: Any = (
                    _converted(repo, config or "default", split)
                    if converted
                    else load_dataset(repo, config, split=split)
                )
        except Exception as error:
            raise DataError(
                f"cannot read {repo}{f':{config}' if config else ''} ({split}) from the Hugging Face Hub: {in_one_line(error)}",
                hint="To go on offline, pass --data-dir with a folder of the official files.",
            ) from error
        self.used[f"{repo}:{config or 'default'}/{split}"] = content_sha256(found)
        rows: Dataset = found
        return rows

    def missing(self, what: str, tree: str) -> DataError:
        """The error for files that are not there, with the tree that is expected."""
        shown = "\n".join(f"    {line}" for line in tree.strip("\n").splitlines())
        return DataError(f"{self.folder}: no {what}", hint=f"Expected one of these layouts:\n{shown}")
