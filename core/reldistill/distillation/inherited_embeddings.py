"""A student with the teacher's embeddings and layers of its own (``--init embeddings``)."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch

from reldistill.distillation.student import NewStudent
from reldistill.encoder.load import class_without, model_class, read_what_is_there
from reldistill.errors import UsageError

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

    from reldistill.distillation.locate import Teacher

__all__ = ["check_embeddings", "with_embeddings"]


def check_embeddings(teacher: Teacher, config: PretrainedConfig) -> None:
    """Raises UsageError where the teacher's embeddings have other shapes than those of a student of this configuration."""
    ours, theirs = (_embedding_shapes(sizes) for sizes in (config, teacher.config))
    for name, shape in ours.items():
        if shape != theirs.get(name):
            raise UsageError(
                f"--init embeddings: the student's {name} is {list(shape)}, the teacher's {list(theirs.get(name, ()))}",
                hint="It takes over the teacher's embeddings, which have no meaning in another width: set "
                f"--student {config.num_hidden_layers}x{teacher.config.hidden_size}, or --init random.",
            )


def with_embeddings(teacher: Teacher, config: PretrainedConfig) -> NewStudent:
    """A student of this configuration: the embeddings, with their norm, are the teacher's, all else is random.

    Of the teacher's files nothing else is read. Seed torch's generator before: it draws what a random student draws.

    Raises:
        CheckpointError: the teacher's weights cannot be read, lack some, or have other shapes than ``config`` says.
    """
    kind = model_class(config)
    model: PreTrainedModel = kind(copy.deepcopy(config)).float()
    place = _place(model)
    others = [name for name, _ in model.named_children() if name != place]
    donor, _ = read_what_is_there(class_without(kind, others), teacher.weights_folder, config, dtype=torch.float32)
    model.set_submodule(place, donor.get_submodule(place))
    return NewStudent(model, tuple(name for name, _ in model.named_parameters() if not name.startswith(f"{place}.")))


def _embedding_shapes(config: PretrainedConfig) -> dict[str, torch.Size]:
    """``embeddings.word_embeddings.weight``, …: parameter -> its shape."""
    with torch.device("meta"):
        model = model_class(config)(copy.deepcopy(config))
    place = _place(model)
    return {name: found.shape for name, found in model.named_parameters() if name.startswith(f"{place}.")}


def _place(model: PreTrainedModel) -> str:
    """``embeddings``: the part of the model that its table of tokens lies in."""
    tokens = model.get_input_embeddings()
    (place,) = [name for name, child in model.named_children() if tokens in list(child.modules())]
    return place
