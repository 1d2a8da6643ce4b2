"""A folder or the Hub, and what was read of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reldistill.errors import DataError, in_one_line
from reldistill.evaluation.data.content import content_sha256

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["DataSource"]


CONVERTED = "refs/convert/parquet"
"""Where the Hub keeps, as Parquet, what a repository makes by a script, which nobody runs any more."""


@dataclass
class DataSource:
    """``folder`` in an official layout, or None for the Hub. ``used``: what was read -> SHA-256 of it."""

    folder: Path | None = None
    used: dict[str, str] = field(default_factory=dict)

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

    def hub(self, repo: str, config: str | None, split: str) -> Dataset:
        """Rows of a data set on the Hub, from its Parquet files; kept in the cache of ``datasets``.

        Raises :class:`DataError` where it is out of reach, not there, or has no such split.
        """
        from datasets import load_dataset

        try:
            try:
                found: Any = load_dataset(repo, config, split=split)
            except RuntimeError as error:
                if "scripts are no longer supported" not in str(error):
                    raise
                found = load_dataset(repo, config, split=split, revision=CONVERTED)
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
