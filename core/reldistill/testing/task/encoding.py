"""Rows as features."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from reldistill.eval_task import Encoded
from reldistill.evaluation.encoded_cache import encoded_once
from reldistill.testing.check import ConformanceError, ask
from reldistill.testing.task.rows import some_rows
from reldistill.testing.task.tiny import make_tokenizer

if TYPE_CHECKING:
    from reldistill.testing.task.rows import Given

__all__ = ["check_encoding", "own_cache"]

CONTRACT = "encode(rows, tokenizer, max_length) gives Encoded: a feature is one sequence of at most max_length tokens"

KEPT = "the same rows give the same features, which are kept on the disk as arrays of numbers"
KEPT_CHANGE = "Draw nothing at random; make targets, and each entry of about, of NumPy arrays of numbers or bools with a dimension."


@contextmanager
def own_cache() -> Iterator[None]:
    """What is cached is gone afterwards, and nobody else's is read."""
    before = os.environ.get("RELDISTILL_CACHE")
    with tempfile.TemporaryDirectory(prefix="reldistill-testing-") as folder:
        os.environ["RELDISTILL_CACHE"] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ["RELDISTILL_CACHE"]
            else:
                os.environ["RELDISTILL_CACHE"] = before


def check_encoding(given: Given) -> None:
    """At two lengths, and again from the cache that a run keeps."""
    tokenizer, (_, rows) = make_tokenizer(), some_rows(given)

    def kept(max_length: int) -> Encoded:
        return encoded_once({"max_length": max_length}, lambda: given.task.encode(rows, tokenizer, max_length))

    for max_length in (12, 64):
        encoded: Any = ask(
            f"encode with max_length {max_length}",
            partial(given.task.encode, rows, tokenizer, max_length),
            CONTRACT,
            "Let tokenizer(texts, truncation=True, max_length=max_length) cut what is too long.",
        )
        if not isinstance(encoded, Encoded) or not len(encoded):
            raise ConformanceError(
                f"encode gave {type(encoded).__name__ if not isinstance(encoded, Encoded) else 'no features'}",
                CONTRACT,
                "Return reldistill.Encoded(input_ids, token_type_ids, targets).",
            )
        _check_features(encoded, max_length, len(tokenizer))
        with own_cache():
            back = [
                ask("keeping the features on the disk", partial(kept, max_length), KEPT, KEPT_CHANGE) for _ in range(2)
            ]
        if not all(_same(encoded, other) for other in back):
            raise ConformanceError(
                "features that are made again, or were kept on the disk, are others", KEPT, KEPT_CHANGE
            )


def _check_features(encoded: Encoded, max_length: int, vocabulary: int) -> None:
    for number, ids in enumerate(encoded.input_ids):
        types = encoded.token_type_ids[number] if encoded.token_type_ids is not None else ids
        if not 0 < len(ids) <= max_length or len(types) != len(ids):
            raise ConformanceError(
                f"with max_length {max_length}, feature {number} has {len(ids)} tokens and {len(types)} token types",
                CONTRACT,
                "Pass truncation=True and max_length to the tokenizer, for texts of a pair too.",
            )
        if np.asarray(ids).dtype.kind != "i" or min(ids) < 0 or max(ids) >= vocabulary:
            raise ConformanceError(
                f"feature {number} has ids of {np.asarray(ids).dtype} from {min(ids)} to {max(ids)}; the tokenizer has "
                f"{vocabulary}",
                "input_ids are int32 ids of the tokenizer that is handed over",
                "Take the ids that this tokenizer gives: np.array(ids, np.int32).",
            )
    for name, values in encoded.targets.items():
        if len(values) != len(encoded) or values.dtype.kind not in "if":
            raise ConformanceError(
                f"the targets {name!r} are {len(values)} of {values.dtype} for {len(encoded)} features",
                "targets are arrays of whole numbers (int64) or of float32, one a feature",
                "Give each feature a target, also where a row gives several; labels by their number.",
            )
    for name, arrays in encoded.about.items():
        if len(arrays) != len(encoded):
            raise ConformanceError(
                f"about[{name!r}] has {len(arrays)} entries for {len(encoded)} features",
                "about holds one array for each feature",
                "What is known of a row is repeated for each of its features.",
            )


def _same(one: Encoded, other: Encoded) -> bool:
    def equal(ours: Any, theirs: Any) -> bool:
        return len(ours) == len(theirs) and all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))

    return (
        equal(one.input_ids, other.input_ids)
        and (one.token_type_ids is None) == (other.token_type_ids is None)
        and equal(one.token_type_ids or [], other.token_type_ids or [])
        and one.targets.keys() == other.targets.keys()
        and all(np.array_equal(one.targets[name], other.targets[name]) for name in one.targets)
        and one.about.keys() == other.about.keys()
        and all(equal(one.about[name], other.about[name]) for name in one.about)
    )
