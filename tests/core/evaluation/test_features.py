from __future__ import annotations

import numpy as np
import torch

from reldistill import Encoded
from reldistill.evaluation.features import by_length, collate, shuffled_by_length


def lengths(count: int) -> np.ndarray:
    return np.random.default_rng(5).integers(3, 90, count)


def test_each_feature_is_trained_on_once_an_epoch_in_another_order_each_time() -> None:
    of = lengths(1_003)
    first, again, second = (shuffled_by_length(of, 8, seed) for seed in (1, 1, 2))
    assert sorted(np.concatenate(first).tolist()) == list(range(1_003))
    assert sorted(len(batch) for batch in first) == [3] + [8] * 125
    assert [batch.tolist() for batch in first] == [batch.tolist() for batch in again]
    assert [batch.tolist() for batch in first] != [batch.tolist() for batch in second]


def test_batches_are_of_like_lengths_and_pad_little() -> None:
    of = lengths(2_048)
    padded = sum(int(of[batch].max()) * len(batch) for batch in shuffled_by_length(of, 16, 0))
    shuffled = np.random.default_rng(0).permutation(2_048).reshape(-1, 16)
    assert padded < 1.05 * of.sum()
    assert sum(int(of[batch].max()) * 16 for batch in shuffled) > 1.5 * of.sum()


def test_inference_takes_each_feature_once_and_no_more_tokens_than_allowed() -> None:
    of = lengths(500)
    batches = by_length(of, 256)
    assert sorted(np.concatenate(batches).tolist()) == list(range(500))
    assert all(int(of[batch].max()) * len(batch) <= 256 for batch in batches)
    assert [len(batch) for batch in by_length(np.array([400, 3]), 256)] == [1, 1]


def test_a_batch_is_padded_on_the_right_and_carries_what_the_tokenizer_and_the_task_say() -> None:
    ids = [np.array([2, 5, 3], np.int32), np.array([2, 3], np.int32)]
    types = [np.array([0, 1, 1], np.int32), np.array([0, 1], np.int32)]
    encoded = Encoded(ids, types, {"labels": np.array([1, 0]), "score": np.array([0.5, 2.0], np.float32)})
    batch = collate(encoded, [1, 0], 7, torch.device("cpu"))
    assert batch["input_ids"].tolist() == [[2, 3, 7], [2, 5, 3]]
    assert batch["attention_mask"].tolist() == [[1, 1, 0], [1, 1, 1]]
    assert batch["token_type_ids"].tolist() == [[0, 1, 0], [0, 1, 1]]
    assert batch["labels"].tolist() == [0, 1]
    assert (batch["labels"].dtype, batch["score"].dtype) == (torch.int64, torch.float32)
