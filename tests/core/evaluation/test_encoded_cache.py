from __future__ import annotations

import numpy as np
import pytest

from reldistill import Encoded
from reldistill.cache import cache_folder
from reldistill.evaluation.encoded_cache import encoded_once


def some(types: bool) -> Encoded:
    ids = [np.array([2, 9, 3], np.int32), np.array([2, 3], np.int32)]
    return Encoded(
        ids,
        [np.zeros_like(row) for row in ids] if types else None,
        {"labels": np.array([1, 0])},
        {"words": [np.array([4], np.int64), np.array([], np.int64)]},
    )


@pytest.mark.parametrize("types", [True, False])
def test_what_was_encoded_comes_back_as_it_was_and_is_not_encoded_again(types: bool) -> None:
    key = {"rows": f"once {types}"}
    encoded_once(key, lambda: some(types))
    found = encoded_once(key, lambda: pytest.fail("encoded again"))
    assert [row.tolist() for row in found.input_ids] == [[2, 9, 3], [2, 3]]
    assert found.input_ids[0].dtype == np.int32
    assert (found.token_type_ids is None) != types
    assert found.targets["labels"].tolist() == [1, 0]
    assert [row.tolist() for row in found.about["words"]] == [[4], []]


def test_another_key_is_encoded_anew_and_so_is_a_file_that_was_cut() -> None:
    asked = []

    def encode() -> Encoded:
        asked.append(1)
        return some(True)

    encoded_once({"rows": "cut", "max_length": 1}, encode)
    encoded_once({"rows": "cut", "max_length": 2}, encode)
    assert len(asked) == 2
    for file in (cache_folder() / "encoded").iterdir():
        file.write_bytes(file.read_bytes()[:100])
    encoded_once({"rows": "cut", "max_length": 2}, encode)
    assert len(asked) == 3


def test_no_rows_are_kept_too() -> None:
    encoded_once({"rows": "none"}, lambda: Encoded([], [], {"labels": np.zeros(0, np.int64)}))
    assert len(encoded_once({"rows": "none"}, lambda: pytest.fail("encoded again"))) == 0
