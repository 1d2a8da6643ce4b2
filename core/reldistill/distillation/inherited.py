"""A student made of the teacher's own weights: its embeddings, alone or with some of its layers (``--init``)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from reldistill.distillation.inherited_embeddings import check_embeddings, with_embeddings
from reldistill.distillation.student import NewStudent
from reldistill.encoder.load import class_without, model_class, read_what_is_there
from reldistill.errors import UsageError
from reldistill.registry import blame

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

    from reldistill.distillation.locate import Teacher
    from reldistill.teacher import TeacherAdapter

__all__ = ["inherited_layers", "inherited_student"]

SIZES = ("hidden_size", "intermediate_size", "num_attention_heads")


def inherited_layers(init: str, teacher: Teacher, config: PretrainedConfig) -> tuple[int, ...] | None:
    """The teacher's layers, from 1, that become the student's, besides its embeddings; None for a random start.

    ``embeddings``: no layer. ``truncate``: the first ones. ``skip``: every second one of the teacher, 2, 4, 6, …, for a
    student of half its depth, and every n-th one for a student of an n-th of it: as Patient-KD's PKD-Skip picks teacher
    layers (Sun et al. 2019: 2, 4, 6, 8, 10 for a 6-layer student, whose last layer goes with the teacher's last), and as
    ``--layers uniform`` pairs them. DistilBERT says "one layer out of two" (Sanh et al. 2019, section 3); its script
    ``extract.py`` takes 1, 3, 5, 8, 10, 12 of 12, which is no even spread and is not done here.

    Raises:
        UsageError: the student has another width or, where it is to have layers, another feed-forward width or number of
            heads, or a depth that cannot be had, or layers that cannot stand in for one another: those of ModernBERT have
            windows or none, and its first has one norm less than the others.
    """
    if init == "random":
        return None
    if init == "embeddings":
        check_embeddings(teacher, config)
        return ()
    _check_sizes(init, teacher, config)
    depth, layers = teacher.layers, int(config.num_hidden_layers)
    if init == "truncate":
        if layers > depth:
            raise UsageError(
                f"--init truncate: the teacher has {depth} layers, not {layers}",
                hint=f"Take 1 to {depth} of them (--student), or --init random.",
            )
        return _of_one_kind(init, tuple(range(1, layers + 1)), teacher, config)
    if depth % layers:
        possible = ", ".join(str(number) for number in range(1, depth + 1) if depth % number == 0)
        raise UsageError(
            f"--init skip: {layers} layers cannot be spread evenly over the teacher's {depth}",
            hint=f"Possible depths (--student): {possible}. --init truncate takes any up to {depth}.",
        )
    return _of_one_kind(init, tuple(range(depth // layers, depth + 1, depth // layers)), teacher, config)


def inherited_student(teacher: Teacher, config: PretrainedConfig, layers: Sequence[int]) -> NewStudent:
    """A student of this configuration whose layers are these of the teacher, ascending, from 1; the rest is the teacher's.

    Without layers it has the teacher's embeddings and is random otherwise. A pooler that the teacher's files lack, as often on
    the Hub, is new. So seed torch's generator before. The layers that are left out are not read, and of the others no second
    copy is made.

    Raises:
        CheckpointError: the teacher's weights cannot be read, lack some, or have other shapes than ``config`` says.
    """
    if not layers:
        return with_embeddings(teacher, config)
    whole, adapter = model_class(config), teacher.adapter
    deep = copy.deepcopy(config)
    deep.num_hidden_layers = max(layers)
    if (kinds := _kinds(teacher.config)) is not None:
        deep.layer_types = kinds[: max(layers)]
    with torch.device("meta"):
        names = _layer_names(whole(deep), adapter)
    left_out = [name for layer, name in enumerate(names, 1) if layer not in layers]
    model, lacking = read_what_is_there(
        class_without(whole, left_out), teacher.weights_folder, deep, dtype=torch.float32, may_lack="pooler."
    )
    for name, layer in zip(names, layers, strict=False):
        model.set_submodule(name, model.get_submodule(names[layer - 1]))
    for name in reversed(names[len(layers) :]):
        parent, _, child = name.rpartition(".")
        delattr(model.get_submodule(parent), child)
    model.config.num_hidden_layers = len(layers)
    if (kinds := _kinds(config)) is not None:
        model.config.layer_types = list(kinds)
    model.__class__ = whole  # its name stands in config.json, and it is to be copied and saved as any other
    return NewStudent(model, tuple(lacking))


def _check_sizes(init: str, teacher: Teacher, config: PretrainedConfig) -> None:
    # A plugin's family may call a size otherwise; then the layers themselves are compared.
    named = [field for field in SIZES if hasattr(config, field) and hasattr(teacher.config, field)]
    differing = [
        f"{field} is {getattr(config, field)}, the teacher's {getattr(teacher.config, field)}"
        for field in named
        if getattr(config, field) != getattr(teacher.config, field)
    ]
    if not differing and len(named) < len(SIZES):
        with blame(teacher.provided.source, f"the adapter {teacher.adapter.name!r}"):
            ours, theirs = (_layer_shapes(sizes, teacher.adapter) for sizes in (config, teacher.config))
        differing = [
            f"{name} is {list(shape)}, the teacher's {list(theirs.get(name, ()))}"
            for name, shape in ours.items()
            if shape != theirs.get(name)
        ]
    if differing:
        width, heads = int(teacher.config.hidden_size), int(teacher.config.num_attention_heads)
        ffn = int(getattr(teacher.config, "intermediate_size", 0))
        feed_forward = "" if ffn == 4 * width else f" --student-ffn {ffn or 'N'}"
        raise UsageError(
            f"--init {init}: the student's {'; '.join(differing)}",
            hint="It takes over the teacher's weights, which have no meaning in other sizes: set "
            f"--student {config.num_hidden_layers}x{width} --student-heads {heads}{feed_forward}"
            f"{'' if ffn else ', N the width of its feed-forward part'}, or --init random.",
        )


def _of_one_kind(init: str, layers: tuple[int, ...], teacher: Teacher, config: PretrainedConfig) -> tuple[int, ...]:
    """The layers themselves; raises UsageError where one is of another kind than that of the student which it becomes."""
    theirs, ours = _kinds(teacher.config), _kinds(config)
    for place, layer in enumerate(layers, 1):
        if theirs is not None and ours is not None and theirs[layer - 1] != ours[place - 1]:
            raise _other_kind(
                init,
                f"layer {layer} of the teacher is {theirs[layer - 1]}, layer {place} of the student {ours[place - 1]}",
            )
    if layers[0] != 1:
        with blame(teacher.provided.source, f"the adapter {teacher.adapter.name!r}"):
            wanted = _layer_shapes(config, teacher.adapter)
            found = _layer_shapes(teacher.config, teacher.adapter, layers[0])
        if differing := sorted(wanted.keys() ^ found.keys()):
            has, lacks = (f"layer {layers[0]} of the teacher", "layer 1 of the student")
            if differing[0] in wanted:
                has, lacks = lacks, has
            raise _other_kind(init, f"{has} has {differing[0]}, {lacks} has not")
    return layers


def _other_kind(init: str, what: str) -> UsageError:
    return UsageError(
        f"--init {init}: {what}", hint="Take --init truncate, by which each layer keeps its place, or --init random."
    )


def _kinds(config: PretrainedConfig) -> list[str] | None:
    """``full_attention`` or ``sliding_attention`` of each layer, in families that have both."""
    return getattr(config, "layer_types", None)


def _layer_shapes(config: PretrainedConfig, adapter: TeacherAdapter, number: int = 1) -> dict[str, torch.Size]:
    """Parameter of this layer of a model -> its shape."""
    with torch.device("meta"):
        layer = adapter.projections(model_class(config)(config), number).layer
    return {name: parameter.shape for name, parameter in layer.named_parameters()}


def _layer_names(model: PreTrainedModel, adapter: TeacherAdapter) -> list[str]:
    """``encoder.layer.0``, …: where the layers lie in a model of the family, by what its adapter says they are."""
    names = {module: name for name, module in model.named_modules()}
    return [names[adapter.projections(model, n).layer] for n in range(1, int(model.config.num_hidden_layers) + 1)]
