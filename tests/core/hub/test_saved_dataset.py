"""Folders that the real ``datasets`` wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
from datasets import Dataset, DatasetDict

from reldistill.errors import DataError
from reldistill.hub.saved_dataset import SavedDataset, is_saved_dataset

ROWS = {"text": ["one", None, "", "two"], "label": [0, 1, 0, 1]}


def test_documents_come_in_their_order(tmp_path: Path) -> None:
    Dataset.from_dict(ROWS).save_to_disk(str(tmp_path / "one"))
    assert is_saved_dataset(tmp_path / "one")
    assert list(SavedDataset(tmp_path / "one").stream()) == ["one", "", "two"]


def test_of_several_splits_train_is_read(tmp_path: Path) -> None:
    splits = {"test": Dataset.from_dict({"text": ["other"]}), "train": Dataset.from_dict(ROWS)}
    DatasetDict(splits).save_to_disk(str(tmp_path / "several"))
    assert is_saved_dataset(tmp_path / "several")
    assert list(SavedDataset(tmp_path / "several").stream()) == ["one", "", "two"]
    assert list(SavedDataset(tmp_path / "several" / "test").stream()) == ["other"]


def test_without_train_among_several_the_choice_is_the_users(tmp_path: Path) -> None:
    splits = {name: Dataset.from_dict({"text": [name]}) for name in ("dev", "test")}
    DatasetDict(splits).save_to_disk(str(tmp_path / "several"))
    with pytest.raises(DataError, match="has no split 'train'") as raised:
        list(SavedDataset(tmp_path / "several").stream())
    assert str(tmp_path / "several" / "dev") in str(raised.value)


@pytest.mark.parametrize(("column", "message"), [("body", "no column 'body'"), ("label", "holds int, not text")])
def test_a_column_without_text_is_named(tmp_path: Path, column: str, message: str) -> None:
    Dataset.from_dict(ROWS).save_to_disk(str(tmp_path / "one"))
    with pytest.raises(DataError, match=message) as raised:
        list(SavedDataset(tmp_path / "one", column).stream())
    assert "--text-column" in str(raised.value)


def test_a_file_that_was_cut_short_is_an_error(tmp_path: Path) -> None:
    Dataset.from_dict({"text": ["word " * 50] * 50}).save_to_disk(str(tmp_path / "one"))
    data = next((tmp_path / "one").glob("*.arrow"))
    data.write_bytes(data.read_bytes()[:-500])
    with pytest.raises(DataError, match="cannot read the data set"):
        list(SavedDataset(tmp_path / "one").stream())


def test_other_folders_are_none(tmp_path: Path) -> None:
    assert not is_saved_dataset(tmp_path)
