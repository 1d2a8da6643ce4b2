"""A data set that ``datasets`` saved to a folder (``save_to_disk``), as a stream of documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reldistill.errors import DataError, in_one_line

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["SavedDataset", "is_saved_dataset"]

_ONE, _SEVERAL = "state.json", "dataset_dict.json"


def is_saved_dataset(folder: Path) -> bool:
    """Whether ``datasets`` wrote this folder: one split, or several with ``dataset_dict.json``."""
    return (folder / _ONE).is_file() or (folder / _SEVERAL).is_file()


@dataclass(frozen=True)
class SavedDataset:
    """A folder of ``save_to_disk``. With several splits ``train`` is read, or else the only one."""

    folder: Path
    text_column: str = "text"

    def __str__(self) -> str:
        return str(self.folder)

    def split_folder(self) -> Path:
        """The folder of the split that is read.

        Raises:
            DataError: there are several and none is called ``train``, or the list of them is broken.
        """
        if (self.folder / _ONE).is_file():
            return self.folder
        try:
            splits = list(json.loads((self.folder / _SEVERAL).read_bytes())["splits"])
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{self.folder / _SEVERAL} lists no splits", hint="Save the data set anew.") from error
        if "train" not in splits and len(splits) != 1:
            raise DataError(
                f"the data set {self.folder} has no split 'train'",
                hint=f"Name one of its splits: {', '.join(str(self.folder / str(split)) for split in splits)}.",
            )
        return self.folder / ("train" if "train" in splits else str(splits[0]))

    def files(self) -> list[Path]:
        """The files of the split: what the documents depend on."""
        return sorted(path for path in self.split_folder().iterdir() if path.is_file())

    def stream(self) -> Iterator[str]:
        """Yield the documents in their order; rows without text are left out. Memory is that of a few rows.

        Raises:
            DataError: the folder is damaged, or the column is missing or holds something other than text.
        """
        dataset = self._open()
        for row in dataset.select_columns([self.text_column]):
            document = row[self.text_column]
            if isinstance(document, str):
                yield document
            elif document is not None:
                raise DataError(
                    f"the column '{self.text_column}' of the data set {self.folder} holds {type(document).__name__}, not text",
                    hint="Name a column whose values are strings, one document each: --text-column.",
                )

    def _open(self) -> Dataset:
        from datasets import Dataset

        folder = self.split_folder()
        try:
            dataset = Dataset.load_from_disk(str(folder), keep_in_memory=False)
        except (OSError, ValueError, KeyError, TypeError) as error:  # pyarrow's errors of broken files are ValueErrors
            raise DataError(
                f"cannot read the data set {folder}: {in_one_line(error)}",
                hint="Copy it again from its source, or save it anew with save_to_disk.",
            ) from error
        if self.text_column not in dataset.column_names:
            raise DataError(
                f"the data set {folder} has no column '{self.text_column}'",
                hint=f"Its columns: {', '.join(dataset.column_names)}. Choose one: --text-column.",
            )
        return dataset
