"""Batches of features of similar length, so that little is padded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reldistill.eval_task import Encoded

__all__ = ["by_length", "collate", "shuffled_by_length"]

POOL = 64
"""Batches that are sorted by length together; what is drawn into them is random."""

TYPES = {"f": torch.float32, "i": torch.int64}


def shuffled_by_length(lengths: NDArray[np.int64], batch_size: int, seed: int) -> list[NDArray[np.int64]]:
    """Each feature once, in batches of random order; within one, lengths are alike.

    Features are drawn in random order into pools of :data:`POOL` batches, each pool is sorted by length and cut, and the
    batches are shuffled. Only the last batch that is drawn may be smaller.
    """
    draw = np.random.default_rng(seed)
    order = draw.permutation(len(lengths))
    batches: list[NDArray[np.int64]] = []
    for start in range(0, len(order), POOL * batch_size):
        pool = order[start : start + POOL * batch_size]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [pool[at : at + batch_size] for at in range(0, len(pool), batch_size)]
    return [batches[i] for i in draw.permutation(len(batches))]


def by_length(lengths: NDArray[np.int64], tokens: int) -> list[NDArray[np.int64]]:
    """Each feature once, longest first, in batches of at most ``tokens`` with their padding, or of one feature."""
    order = np.argsort(-lengths, kind="stable")
    batches, at = [], 0
    while at < len(order):
        size = max(1, tokens // int(lengths[order[at]]))
        batches.append(order[at : at + size])
        at += size
    return batches


def collate(
    encoded: Encoded, which: Sequence[int] | NDArray[np.int64], pad_token_id: int, device: torch.device
) -> dict[str, torch.Tensor]:
    """The arguments of the model for some features: ``[features, longest]``, padded on the right, and their targets."""
    rows = [encoded.input_ids[i] for i in which]
    longest = max(map(len, rows))
    if device.type == "cuda":
        longest = -(-longest // 8) * 8  # tensor cores
    ids = np.full((len(rows), longest), pad_token_id, np.int64)
    mask = np.zeros((len(rows), longest), np.int64)
    for row, (padded, seen) in zip(rows, zip(ids, mask, strict=True), strict=True):
        padded[: len(row)] = row
        seen[: len(row)] = 1
    batch: dict[str, Any] = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
    if encoded.token_type_ids is not None:
        types = np.zeros((len(rows), longest), np.int64)
        for i, padded in zip(which, types, strict=True):
            padded[: len(encoded.token_type_ids[i])] = encoded.token_type_ids[i]
        batch["token_type_ids"] = torch.from_numpy(types)
    for name, values in encoded.targets.items():
        batch[name] = torch.as_tensor(values[list(which)], dtype=TYPES[values.dtype.kind])
    return {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}
