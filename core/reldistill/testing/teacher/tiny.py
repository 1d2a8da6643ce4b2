"""Small models of a family, made of its adapter's own configuration of a student.

Shape letters: T tokens of all sequences.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoConfig

from reldistill.encoder.load import model_class
from reldistill.encoder.packed_tokens import PackedTokens
from reldistill.encoder.quiet import quiet_transformers
from reldistill.states import cumulative_lengths
from reldistill.teacher import StudentShape
from reldistill.testing.check import ask

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PretrainedConfig, PreTrainedModel

    from reldistill.teacher import TeacherAdapter

__all__ = ["EVERYTHING", "LENGTHS", "SHAPE", "Tiny", "make_tiny", "packed", "sequences", "tiny_config", "written"]

EVERYTHING = frozenset({"query", "key", "value", "hidden"})

SHAPE = StudentShape(layers=3, hidden_size=24, attention_heads=4, intermediate_size=40)

LENGTHS = (7, 1, 4, 10)
"""Of the sequences that models are given."""

SPREAD = 0.2
"""Of random weights; transformers' own 0.02 would let one layer pass for another."""


@dataclass(frozen=True)
class Tiny:
    """A whole model in evaluation mode, its configuration, and the folder that it was saved to."""

    model: PreTrainedModel
    config: PretrainedConfig
    folder: Path


def tiny_config(adapter: TeacherAdapter, model_type: str) -> PretrainedConfig:
    """A student of :data:`SHAPE` of the family's default teacher."""
    return ask(
        f"student_config of the default {model_type} configuration",
        lambda: adapter.student_config(AutoConfig.for_model(model_type), SHAPE),
        "student_config(config, shape) gives a configuration for each model type that the adapter serves",
        "Build it as type(config)(**fields) of config.to_dict() with the student's sizes.",
    )


def make_tiny(adapter: TeacherAdapter, model_type: str) -> PreTrainedModel:
    """The model of :func:`tiny_config` with random weights and biases, norms included; always the same."""
    config = tiny_config(adapter, model_type)
    drawn = torch.get_rng_state()
    try:
        torch.manual_seed(0)
        model: Any = ask(
            "making a model of student_config",
            lambda: model_class(config)(config),
            "a student's configuration makes a model",
            "Look at which of its fields do not fit together, for example a width that the heads do not divide.",
        )
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(SPREAD * torch.randn(parameter.shape))
    finally:
        torch.set_rng_state(drawn)
    made: PreTrainedModel = model.float().eval()
    return made


@contextmanager
def written(adapter: TeacherAdapter, model_type: str) -> Iterator[Tiny]:
    """The same as a checkpoint in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="reldistill-testing-") as folder, quiet_transformers():
        model = make_tiny(adapter, model_type)
        model.save_pretrained(folder)
        yield Tiny(model, model.config, Path(folder))


def sequences(config: PretrainedConfig) -> list[Tensor]:
    """Ids ``[tokens]`` of a few sequences; none is padding."""
    top = min(int(config.vocab_size), 1000)
    pad = getattr(config, "pad_token_id", None)
    allowed = torch.tensor([number for number in range(5, top) if number != pad])
    generator = torch.Generator().manual_seed(1)
    return [allowed[torch.randint(len(allowed), (length,), generator=generator)] for length in LENGTHS]


def packed(ids: Sequence[Tensor], offset: int) -> PackedTokens:
    """Sequences one behind the other, position ids from ``offset``."""
    lengths = tuple(map(len, ids))
    positions = torch.cat([torch.arange(length) + offset for length in lengths])
    return PackedTokens(torch.cat(list(ids)), positions, cumulative_lengths(lengths), lengths)
