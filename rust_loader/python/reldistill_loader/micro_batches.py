"""The pieces of a batch, as they go to a device."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class PackedBatch:
    """Sequences one after the other, longest first, nothing between them. Sequence `s` is tokens
    `cu_seqlens[s] : cu_seqlens[s + 1]`."""

    input_ids: NDArray[np.int64]
    """[tokens]: token ids, special tokens included."""
    position_ids: NDArray[np.int64]
    """[tokens]: counts from `position_offset`, anew in each sequence."""
    cu_seqlens: NDArray[np.int32]
    """[sequences + 1]: 0 first, `tokens` last."""
    lengths: tuple[int, ...]
    """Tokens of each sequence."""
    indices: NDArray[np.int64]
    """[sequences]: their indices in the corpus."""


@dataclass(frozen=True, slots=True, eq=False)
class PaddedBatch:
    """Sequences as the rows of a matrix, longest first, filled up on the right with the tokenizer's padding token."""

    input_ids: NDArray[np.int64]
    """[sequences, longest]: token ids, special tokens included."""
    attention_mask: NDArray[np.int64]
    """[sequences, longest]: 1 for a token, 0 for padding."""
    lengths: tuple[int, ...]
    """Tokens of each sequence."""
    indices: NDArray[np.int64]
    """[sequences]: their indices in the corpus."""
