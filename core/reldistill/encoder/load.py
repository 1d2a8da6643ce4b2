"""Making encoders: a teacher from a checkpoint, a student from a model that is to be trained."""

from __future__ import annotations

import copy
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import AutoModel, PreTrainedModel

from reldistill.encoder.attention import ATTENTION_BACKENDS
from reldistill.encoder.dropout import use_native_dropout
from reldistill.encoder.encoder import Encoder
from reldistill.encoder.quiet import quiet_transformers
from reldistill.errors import CheckpointError, in_one_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from transformers import PretrainedConfig

    from reldistill.teacher import TeacherAdapter

__all__ = [
    "class_without",
    "cut_class",
    "encoder_of",
    "load_teacher",
    "model_class",
    "read_weights",
    "read_what_is_there",
    "student_encoder",
]


def load_teacher(
    folder: Path,
    config: PretrainedConfig,
    adapter: TeacherAdapter,
    layers: Sequence[int],
    needs: frozenset[str],
    *,
    dtype: torch.dtype = torch.float32,
    attention: str = "sdpa",
    device: torch.device | None = None,
) -> Encoder:
    """The teacher up to the projections of its highest chosen layer, frozen, in evaluation mode.

    The model is cut before its weights are read: what the layers do not need is never in memory.
    Raises what :func:`read_weights` raises.
    """
    cut = cut_class(model_class(config), adapter, layers)
    model = read_weights(cut, folder, config, dtype=dtype, attn_implementation=ATTENTION_BACKENDS[attention])
    encoder = encoder_of(model, adapter, layers, needs)
    return encoder.requires_grad_(False).eval().to(device or torch.device("cpu"))


def read_weights(
    kind: type[PreTrainedModel],
    folder: Path,
    config: PretrainedConfig,
    *,
    dtype: torch.dtype,
    **options: Any,
) -> PreTrainedModel:
    """A model of this class with the weights of a local folder; what the class does not hold is not read.

    Files are mapped, not read whole, also those that torch pickled since 1.6: a tensor that changes its dtype is in
    memory once, in the new one, and a tensor that keeps it stays in the file's pages.

    Raises :class:`CheckpointError` where a weight is missing or has another shape.
    """
    return read_what_is_there(kind, folder, config, dtype=dtype, **options)[0]


def read_what_is_there(
    kind: type[PreTrainedModel],
    folder: Path,
    config: PretrainedConfig,
    *,
    dtype: torch.dtype,
    may_lack: str = "",
    **options: Any,
) -> tuple[PreTrainedModel, list[str]]:
    """As :func:`read_weights`, but weights whose names begin with ``may_lack`` need not be there.

    Those that are not are initialised as the class does it, and their names come with the model.
    """
    try:
        with quiet_transformers():
            loaded: tuple[PreTrainedModel, dict[str, Any]] = kind.from_pretrained(  # type: ignore[assignment]
                folder,
                config=copy.deepcopy(config),
                dtype=dtype,
                output_loading_info=True,
                local_files_only=True,
                **options,
            )
    except (OSError, RuntimeError, ValueError, EOFError, UnpicklingError, SafetensorError) as error:
        raise CheckpointError(f"the weights in {folder} cannot be read: {in_one_line(error)}") from error
    model, report = loaded
    missing = sorted(map(str, report["missing_keys"]))
    may = [name for name in missing if may_lack and name.startswith(may_lack)]
    lacking = [name for name in missing if name not in may]
    lacking += [str(name) for name in report.get("mismatched_keys", ())]
    if lacking:
        raise CheckpointError(
            f"{folder} lacks {len(lacking)} of the weights that are needed, the first is {min(lacking)}",
            hint=f"Is it a complete {config.model_type} checkpoint?",
        )
    return model, may


def student_encoder(
    model: PreTrainedModel,
    adapter: TeacherAdapter,
    layers: Sequence[int],
    needs: frozenset[str],
    *,
    attention: str = "sdpa",
) -> Encoder:
    """An encoder that shares its parameters with ``model``: training it trains the model.

    It holds just the parameters that the relations and layers reach; the others are frozen here and stay in
    ``model``, so that they are saved with it.
    """
    tensors = [*model.parameters(), *model.buffers()]
    shell: PreTrainedModel = copy.deepcopy(model, {id(tensor): tensor for tensor in tensors})
    shell.set_attn_implementation(ATTENTION_BACKENDS[attention])
    adapter.cut(shell, layers)
    encoder = encoder_of(shell, adapter, layers, needs)
    model.requires_grad_(False)
    encoder.requires_grad_(True)
    return encoder


def model_class(config: PretrainedConfig) -> type[PreTrainedModel]:
    """The plain model (no head) that transformers has for this configuration."""
    found: Any = AutoModel._model_mapping[type(config)]
    return found if isinstance(found, type) else found[0]


def encoder_of(
    model: PreTrainedModel, adapter: TeacherAdapter, layers: Sequence[int], needs: frozenset[str]
) -> Encoder:
    """The encoder of a model as it is, cut or whole, but for its dropout."""
    use_native_dropout(model)
    return Encoder(model, {layer: adapter.projections(model, layer) for layer in sorted(layers)}, needs)


def class_without(whole: type[PreTrainedModel], names: Sequence[str]) -> type[PreTrainedModel]:
    """The class with these modules empty as soon as it is built, so that their weights are not read."""

    def __init__(self: Any, config: PretrainedConfig, *args: Any, **kwargs: Any) -> None:
        whole.__init__(self, config, *args, **kwargs)
        for name in names:
            self.set_submodule(name, nn.Identity())

    return type(whole.__name__, (whole,), {"__init__": __init__})


def cut_class(whole: type[PreTrainedModel], adapter: TeacherAdapter, layers: Sequence[int]) -> type[PreTrainedModel]:
    """The model class, cut as soon as it is built: transformers builds it without weights and then reads those it has."""

    def __init__(self: Any, config: PretrainedConfig, *args: Any, **kwargs: Any) -> None:
        whole.__init__(self, config, *args, **kwargs)
        adapter.cut(self, layers)

    return type(whole.__name__, (whole,), {"__init__": __init__})
