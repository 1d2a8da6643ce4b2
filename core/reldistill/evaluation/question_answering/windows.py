"""Contexts longer than a model takes, cut into overlapping windows that each stand behind the question.

As in BERT's ``run_squad.py``: windows begin every ``doc_stride`` tokens of the context, and a token that is in several
counts where it has most context on its poorer side (*maximum context*).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from reldistill.errors import UsageError
from reldistill.evaluation.question_answering.question import Question

__all__ = ["Window", "cut_windows"]

LONGEST_QUESTION = 64
"""Tokens of a question; what comes after them is cut off, as BERT's script does."""


@dataclass(frozen=True, eq=False)
class Window:
    """A question with one window of its context, n tokens with the special ones. No padding.

    ``question``: index into the questions that were cut. ``input_ids``: ``[n]`` int32. ``token_type_ids``: ``[n]`` int32,
    None for a model that takes none. ``offsets``: ``[n, 2]`` int32, where each token's text begins and ends in the
    context, in characters, without white space around it but with the accents that a tokenizer strips; (-1, -1) for
    what is no token of the context.
    ``maximum_context``: ``[n]`` bool, the tokens of the context that count in this window; each does in exactly one.
    ``covers``: the characters between the last token before the window and the first after it.
    ``null_position``: the CLS token, where a question without an answer points to.
    """

    question: int
    input_ids: NDArray[np.int32]
    token_type_ids: NDArray[np.int32] | None
    offsets: NDArray[np.int32]
    maximum_context: NDArray[np.bool_]
    covers: tuple[int, int]
    null_position: int

    def offset(self, token: int) -> tuple[int, int] | None:
        """Begin and end of a token's text in the context; None where the token is not the context's."""
        start, end = self.offsets[token].tolist()
        return (start, end) if start >= 0 else None


def cut_windows(
    questions: Sequence[Question],
    tokenizer: Any,
    *,
    max_length: int = 384,
    doc_stride: int = 128,
    longest_question: int = LONGEST_QUESTION,
) -> Iterator[Window]:
    """The windows of all questions, in their order, each of at most ``max_length`` tokens.

    ``doc_stride``: tokens from the begin of a window to the begin of the next one (not the overlap, which transformers
    calls stride); windows with room for fewer follow each other without overlap. A context without tokens has one
    window. A question keeps its first ``longest_question`` tokens, and never takes more than half of the window.
    Raises :class:`UsageError` at once where the tokenizer is no fast one, puts no CLS token, or ``max_length`` leaves no
    room.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise UsageError(
            f"{type(tokenizer).__name__} does not say where in a text its tokens are, so answers cannot be located.",
            hint="Use a checkpoint with a fast tokenizer (a tokenizer.json, or one that transformers converts).",
        )
    if tokenizer.cls_token_id is None or tokenizer.cls_token_id not in tokenizer("a", "a")["input_ids"]:
        raise UsageError(
            f"{type(tokenizer).__name__} puts no CLS token before a text, which a question without an answer points to.",
            hint="Use an encoder such as BERT, RoBERTa or XLM-R with its own tokenizer.",
        )
    for name, value in (("doc_stride", doc_stride), ("longest_question", longest_question)):
        if value < 1:
            raise UsageError(f"{name} is {value}; it must be 1 or more.")
    special = tokenizer.num_special_tokens_to_add(pair=True)
    if max_length < special + 2:
        raise UsageError(
            f"max_length {max_length} leaves no room for a question and a context beside {special} special tokens.",
            hint="The paper's is 384.",
        )
    return _cut(
        questions, tokenizer, max_length, doc_stride, min(longest_question, (max_length - special) // 2), special
    )


def _cut(
    questions: Sequence[Question], tokenizer: Any, max_length: int, doc_stride: int, longest_question: int, special: int
) -> Iterator[Window]:
    # A copy, since truncation is a state of the tokenizer that others would find changed. It does not copy the flag.
    backend: Tokenizer = deepcopy(tokenizer.backend_tokenizer)
    backend.encode_special_tokens = tokenizer.backend_tokenizer.encode_special_tokens
    backend.no_padding()
    with_types = "token_type_ids" in tokenizer.model_input_names
    for index, question in enumerate(questions):
        backend.no_truncation()
        asked, asked_tokens = _shortened(question.question.strip(), backend, longest_question)
        room = max_length - special - asked_tokens
        step = min(doc_stride, room)
        backend.enable_truncation(max_length, stride=room - step, strategy="only_second", direction="right")
        first = backend.encode(asked, question.context)
        encodings = [first, *first.overflowing]
        parts = [_context_positions(encoding) for encoding in encodings]
        raw: list[tuple[int, int]] = []
        for encoding, positions in zip(encodings, parts, strict=True):
            # Read once: each access builds the whole list.
            its_offsets = encoding.offsets
            raw.extend(its_offsets[position] for position in (positions[room - step :] if raw else positions))
        if len(raw) > 1 and raw[0][0] == raw[1][0] and first.tokens[parts[0][0]] == "▁":
            # It stands for no space, so it claims the first character of the text, which is the next token's.
            raw[0] = (raw[0][0], raw[0][0])
        offsets = _exact(raw, question.context)
        owner = _owner([len(part) for part in parts], step, len(offsets))
        for number, (encoding, positions) in enumerate(zip(encodings, parts, strict=True)):
            begin = number * step
            end = begin + len(positions)
            ids = np.asarray(encoding.ids, dtype=np.int32)
            all_offsets = np.full((len(ids), 2), -1, dtype=np.int32)
            all_offsets[positions] = offsets[begin:end]
            counts = np.zeros(len(ids), dtype=np.bool_)
            counts[positions] = owner[begin:end] == number
            yield Window(
                question=index,
                input_ids=ids,
                token_type_ids=np.asarray(encoding.type_ids, dtype=np.int32) if with_types else None,
                offsets=all_offsets,
                maximum_context=counts,
                covers=(
                    int(offsets[begin - 1, 1]) if begin else 0,
                    int(offsets[end, 0]) if end < len(offsets) else len(question.context),
                ),
                null_position=int(np.flatnonzero(ids == tokenizer.cls_token_id)[0]),
            )


def _shortened(question: str, backend: Tokenizer, longest: int) -> tuple[str, int]:
    """The question, cut after its first ``longest`` tokens where it has more, and how many it has."""
    while len(encoding := backend.encode(question, add_special_tokens=False)) > longest:
        # Cut anew, the text may have a token more: then it is cut once more, a character at least.
        question = question[: min(encoding.offsets[longest - 1][1], len(question) - 1)]
    return question, len(encoding)


def _context_positions(encoding: Encoding) -> list[int]:
    return [position for position, sequence in enumerate(encoding.sequence_ids) if sequence == 1]


def _exact(raw: Sequence[tuple[int, int]], context: str) -> NDArray[np.int32]:
    """``[tokens, 2]``: the offsets of a context's tokens, so that they cut out whole words.

    Byte-level BPE and SentencePiece count the space before a word to its token or not, each after its own settings: it
    is left out. What the normalizer took out of a word, such as the accents and vowel signs that BERT strips, would be
    in no token: it is counted to the one before.
    """
    exact = np.empty((len(raw), 2), dtype=np.int32)
    for token, (start, end) in enumerate(raw):
        following = raw[token + 1][0] if token + 1 < len(raw) else len(context)
        while start < end and context[start].isspace():
            start += 1
        while start < end and context[end - 1].isspace():
            end -= 1
        while start < end < following and not context[end].isspace():
            end += 1
        exact[token] = start, end
    return exact


def _owner(lengths: Sequence[int], step: int, tokens: int) -> NDArray[np.int64]:
    """``[tokens]``: the window in which each token of the context has its maximum context, the first of equal ones."""
    score = np.full((len(lengths), tokens), -np.inf)
    for number, length in enumerate(lengths):
        before = np.arange(length)
        # The script's tie-breaker: of two windows with as much context the longer one.
        score[number, number * step : number * step + length] = np.minimum(before, length - 1 - before) + 0.01 * length
    owner: NDArray[np.int64] = score.argmax(axis=0)
    return owner
