"""Which tokens of a window are an answer: what a reader learns to point to."""

from __future__ import annotations

import numpy as np

from reldistill.evaluation.question_answering.windows import Window

__all__ = ["answer_tokens"]


def answer_tokens(window: Window, answer_start: int, answer_end: int) -> tuple[int, int]:
    """First and last token, both inclusive, of the answer ``context[answer_start:answer_end]``.

    An answer that begins or ends within a token takes the whole token. Both are the window's null position where the
    answer is not wholly in the window, or no token is in the answer.
    """
    null = (window.null_position, window.null_position)
    if answer_start < window.covers[0] or answer_end > window.covers[1]:
        return null
    starts, ends = window.offsets[:, 0], window.offsets[:, 1]
    # A token of white space alone has no text: it is in no answer.
    inside = np.flatnonzero((ends > starts) & (starts < answer_end) & (ends > answer_start))
    return (int(inside[0]), int(inside[-1])) if len(inside) else null
