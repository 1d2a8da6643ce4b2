"""The pieces of a batch, as they go to a device."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class PackedBatch:
    """Sequences one after the other, longest first, nothing between them. Sequence `s` is tokens
    `cu_seqlens[s] : cu_seqlens[s + 1]`."""

    input_ids: NDArray[np.int64] | NDArray[np.int32]
    """[tokens]: token ids, special tokens included."""
    position_ids: NDArray[np.int64] | NDArray[np.int32]
    """[tokens]: counts from `position_offset`, anew in each sequence."""
    cu_seqlens: NDArray[np.int32]
    """[sequences + 1]: 0 first, `tokens` last."""
    lengths: tuple[int, ...]
    """Tokens of each sequence."""
    indices: NDArray[np.int64]
    """[sequences]: their indices in the corpus or mixture."""


@dataclass(frozen=True, slots=True, eq=False)
class PaddedBatch:
    """Sequences as the rows of a matrix, longest first, filled up on the right with the tokenizer's padding token to a
    multiple of 8."""

    input_ids: NDArray[np.int64] | NDArray[np.int32]
    """[sequences, width]: token ids, special tokens included."""
    attention_mask: NDArray[np.int64] | NDArray[np.int32]
    """[sequences, width]: 1 for a token, 0 for padding."""
    lengths: tuple[int, ...]
    """Tokens of each sequence."""
    indices: NDArray[np.int64]
    """[sequences]: their indices in the corpus or mixture."""
