"""A student whose loss is to be measured: found, and held against the teacher before any weight is read."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reldistill.distillation.locate import adapter_serving
from reldistill.errors import UsageError
from reldistill.evaluation.encoder import EvaluatedEncoder, locate_encoder
from reldistill.hub.models import VOCABULARY_FILES
from reldistill.layers import LayerPair, pairs_in_words
from reldistill.teacher import StudentShape

if TYPE_CHECKING:
    from collections.abc import Callable

    from reldistill.distillation.locate import Teacher
    from reldistill.registry import Provided, Registry
    from reldistill.teacher import TeacherAdapter

__all__ = ["MeasuredStudent", "locate_student"]


@dataclass(frozen=True)
class MeasuredStudent:
    """``name`` as it was given; ``pairs``: which of its layers is held against which of the teacher's."""

    name: str
    shape: StudentShape
    pairs: tuple[LayerPair, ...]
    folder: Path
    config: Any = field(repr=False)
    provided: Provided[TeacherAdapter] = field(repr=False)

    @property
    def adapter(self) -> TeacherAdapter:
        """The adapter of its family, which need not be the teacher's."""
        return self.provided.guarded("adapter")

    @property
    def layers(self) -> list[int]:
        """Those of its layers that are looked at, ascending."""
        return sorted({pair.student_layer for pair in self.pairs})

    @property
    def layers_in_words(self) -> str:
        """``21 → 6``, with a weight that is not 1."""
        return pairs_in_words(self.pairs)

    def describe(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "model": self.name,
            "family": self.adapter.name,
            "student": f"{self.shape.layers}x{self.shape.hidden_size}",
            "student_heads": self.shape.attention_heads,
            "layers": [[pair.teacher_layer, pair.student_layer, pair.weight] for pair in self.pairs],
        }


def locate_student(
    name: str | None,
    teacher: Teacher,
    max_length: int,
    pairs_of: Callable[[StudentShape], tuple[LayerPair, ...]],
    registry: Registry,
) -> MeasuredStudent:
    """The model of this name, None for the student of the last distillation. Its weights are not looked at.

    Raises :class:`UsageError` where there is none, where it has another vocabulary than the teacher, fewer positions than
    ``max_length``, no adapter, or not the layers that are asked for.
    """
    found = locate_encoder(name, registry)
    label = os.path.relpath(found.folder) if name is None else name
    config = found.config
    provided = adapter_serving(config, f"--model {label}", registry)
    if getattr(config, "is_decoder", False):
        raise UsageError(f"--model {label} is a decoder (is_decoder in its config.json)", hint="Students are encoders.")
    _check_vocabulary(label, found, teacher)
    longest = int(config.max_position_embeddings) - provided.guarded("adapter").position_offset(config)
    if max_length > longest:
        raise UsageError(
            f"--max-length {max_length}: --model {label} has positions for {longest} tokens",
            hint=f"Pass --max-length {longest} or less.",
        )
    shape = StudentShape(int(config.num_hidden_layers), int(config.hidden_size), int(config.num_attention_heads))
    try:
        pairs = pairs_of(shape)
    except UsageError as error:
        raise UsageError(f"--model {label}: {error.message}", hint=error.hint) from error
    return MeasuredStudent(label, shape, pairs, found.folder, config, provided)


def _check_vocabulary(label: str, found: EvaluatedEncoder, teacher: Teacher) -> None:
    """Both must take an id for the same token. A model without a tokenizer is known by the size of its vocabulary alone."""
    hint = (
        "The relation loss compares what two models make of the same tokens: give the teacher that the student was "
        "distilled from, or another one with that tokenizer."
    )
    theirs, rows = teacher.tokenizer.get_vocab(), int(found.config.vocab_size)
    if not any((found.folder / file).is_file() for file in VOCABULARY_FILES):
        if rows != teacher.config.vocab_size:
            raise UsageError(
                f"--model {label} has a vocabulary of {rows:,} tokens, {teacher.label} one of {teacher.config.vocab_size:,}",
                hint=hint,
            )
        return
    ours = found.tokenizer.get_vocab()
    in_order = sorted(theirs, key=lambda token: theirs[token])
    other = next((token for token in in_order if ours.get(token) != theirs[token]), None)
    if other is not None:
        said = f"{other!r} is {ours[other]} to it and {theirs[other]} there" if other in ours else f"it lacks {other!r}"
        raise UsageError(f"--model {label} has another tokenizer than {teacher.label}: {said}", hint=hint)
    if (largest := max(theirs.values(), default=0)) >= rows:
        raise UsageError(f"--model {label} has {rows:,} embeddings, {teacher.label}'s tokenizer ids up to {largest:,}")
