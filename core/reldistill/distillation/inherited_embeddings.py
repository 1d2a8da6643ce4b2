"""A student with the teacher's embeddings and layers of its own (``--init embeddings``)."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import nn

from reldistill.distillation.student import NewStudent
from reldistill.encoder.load import class_without, model_class, read_what_is_there
from reldistill.errors import UsageError
from reldistill.registry import blame

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

    from reldistill.distillation.locate import Teacher
    from reldistill.teacher import TeacherAdapter

__all__ = ["check_embeddings", "with_embeddings"]


def check_embeddings(teacher: Teacher, config: PretrainedConfig) -> None:
    """Whether a student of this configuration can have the teacher's embeddings.

    Raises:
        UsageError: they have other shapes than the student's, or do not lie in one part of the model, apart from its layers.
    """
    with blame(teacher.provided.source, f"the adapter {teacher.adapter.name!r}"):
        ours, theirs = (_embedding_shapes(sizes, teacher.adapter) for sizes in (config, teacher.config))
    for name, shape in ours.items():
        if shape != theirs.get(name):
            wide = config.hidden_size == teacher.config.hidden_size
            other = "" if wide else f"set --student {config.num_hidden_layers}x{teacher.config.hidden_size}, or "
            raise UsageError(
                f"--init embeddings: the student's {name} is {list(shape)}, the teacher's {list(theirs.get(name, ()))}",
                hint="It takes over the teacher's embeddings, which have no meaning in another shape: "
                f"{other or 'take '}--init random.",
            )


def with_embeddings(teacher: Teacher, config: PretrainedConfig) -> NewStudent:
    """A student of this configuration: the embeddings, with their norm, are the teacher's, all else is random.

    Of the teacher's files nothing else is read. Seed torch's generator before: it draws what a random student draws.

    Raises:
        UsageError: as :func:`check_embeddings`.
        CheckpointError: the teacher's weights cannot be read, lack some, or have other shapes than ``config`` says.
    """
    kind = model_class(config)
    model: PreTrainedModel = kind(copy.deepcopy(config)).float()
    place = _place(model, teacher.adapter)
    others = [name for name, _ in model.named_children() if name != place]
    donor, _ = read_what_is_there(class_without(kind, others), teacher.weights_folder, config, dtype=torch.float32)
    model.set_submodule(place, donor.get_submodule(place))
    return NewStudent(model, tuple(name for name, _ in model.named_parameters() if not name.startswith(f"{place}.")))


def _embedding_shapes(config: PretrainedConfig, adapter: TeacherAdapter) -> dict[str, torch.Size]:
    """``embeddings.word_embeddings.weight``, …: parameter -> its shape."""
    with torch.device("meta"):
        model = model_class(config)(copy.deepcopy(config))
    place = _place(model, adapter)
    return {name: found.shape for name, found in model.named_parameters() if name.startswith(f"{place}.")}


def _place(model: PreTrainedModel, adapter: TeacherAdapter) -> str:
    """``embeddings``: the one part of the model, beside that of its layers, that holds embeddings.

    Of a family that has them in several parts, or beside its layers, no part could be called the embeddings.
    """
    layer, tokens = adapter.projections(model, 1).layer, model.get_input_embeddings()
    parts = {name: list(child.modules()) for name, child in model.named_children()}
    places = [
        name
        for name, modules in parts.items()
        if any(isinstance(module, nn.Embedding) for module in modules) and layer not in modules
    ]
    if len(places) != 1 or tokens not in parts[places[0]]:
        raise UsageError(
            f"--init embeddings: those of a {model.config.model_type} do not lie in one part of the model, apart from its layers",
            hint="Take --init truncate, skip or random.",
        )
    return places[0]
