"""One pass of the teacher for several students."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from reldistill.encoder import Encoder, PackedTokens
    from reldistill.states import AttentionStates

__all__ = ["SharedTeacher"]


class SharedTeacher:
    """A teacher that several students ask in turn: the last tokens it is asked about are computed once."""

    def __init__(self, teacher: Encoder) -> None:
        self._teacher = teacher
        self._tokens: PackedTokens | None = None
        self._states: dict[int, AttentionStates] = {}

    def __call__(self, tokens: PackedTokens) -> Mapping[int, AttentionStates]:
        """Layer -> its states."""
        known = self._tokens
        if known is None or known.lengths != tokens.lengths or not torch.equal(known.input_ids, tokens.input_ids):
            self._tokens, self._states = None, {}  # the old ones go before the new ones come
            self._states = self._teacher(tokens)
            self._tokens = tokens
        return self._states
