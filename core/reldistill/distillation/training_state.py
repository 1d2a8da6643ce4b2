"""What a checkpoint of a run holds: the student, the optimiser, the random generators, and where the training stands.

======================  =======================================================================================
student.safetensors     all tensors of the student by their names in the model, fp32
optimizer.safetensors   ``exp_avg/NAME``, ``exp_avg_sq/NAME`` and ``step/NAME`` of each trained parameter, fp32
random.safetensors      ``RANK/cpu`` and the like: the state of each rank's generators, uint8
state.json              step, tokens, position in the batches, micro-batch and skipped updates, what was measured
======================  =======================================================================================
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from reldistill.checkpoint.durable import safetensors_errors_as_os_errors
from reldistill.distillation.random_state import restore_random_state
from reldistill.errors import CheckpointError, in_one_line

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

    from reldistill.distillation.trainer import Trainer

__all__ = ["load_training_state", "save_training_state"]

STUDENT, OPTIMIZER, RANDOM, STATE = "student.safetensors", "optimizer.safetensors", "random.safetensors", "state.json"


def save_training_state(
    folder: Path,
    model: PreTrainedModel,
    trainer: Trainer,
    generators: Sequence[Mapping[str, Tensor]],
    measured: Mapping[str, Any],
) -> None:
    """Write the four files into an empty folder. ``generators``: the random state of each rank, in their order;
    ``measured``: plain values that are to be there again, too.
    """
    state = {"trainer": trainer.state(), "measured": measured}
    with safetensors_errors_as_os_errors(folder):
        save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / STUDENT)
        save_file(_optimizer_tensors(model, trainer), folder / OPTIMIZER)
        of_ranks = {f"{rank}/{name}": t for rank, state in enumerate(generators) for name, t in state.items()}
        save_file(of_ranks, folder / RANDOM)
    (folder / STATE).write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")


def load_training_state(folder: Path, model: PreTrainedModel, trainer: Trainer) -> dict[str, Any]:
    """Bring student and trainer to where they were saved; what had been measured until then.

    The random generators come last: nothing that is done here draws from them afterwards.

    Raises:
        CheckpointError: a file cannot be read, or is of another student.
    """
    try:
        student = load_file(folder / STUDENT)
        optimizer = load_file(folder / OPTIMIZER)
        generators = load_file(folder / RANDOM)
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError, SafetensorError) as error:
        raise CheckpointError(f"{folder} cannot be read: {in_one_line(error)}") from error
    try:
        model.load_state_dict(student)
    except RuntimeError as error:
        raise CheckpointError(
            f"{folder} is of another student: {in_one_line(error)}",
            hint="Give the --student, --student-heads and --student-ffn that it was made with.",
        ) from error
    _load_optimizer(folder, optimizer, model, trainer)
    trainer.load_state(state["trainer"])
    measured: dict[str, Any] = state["measured"]
    own = f"{trainer.ranks.rank}/"
    # More ranks than there were: the others draw from the seeds that they started with.
    if mine := {name.removeprefix(own): tensor for name, tensor in generators.items() if name.startswith(own)}:
        restore_random_state(mine, trainer.device)
    return measured


def _optimizer_tensors(model: PreTrainedModel, trainer: Trainer) -> dict[str, Tensor]:
    names = _names(model)
    return {
        f"{kind}/{names[parameter]}": tensor.contiguous()
        for parameter, state in trainer.optimizer.state.items()
        for kind, tensor in state.items()
    }


def _load_optimizer(folder: Path, tensors: dict[str, Tensor], model: PreTrainedModel, trainer: Trainer) -> None:
    """Into the optimiser's own state: it has none before its first step."""
    trained = {p for group in trainer.optimizer.param_groups for p in group["params"]}
    names = {name: parameter for parameter, name in _names(model).items() if parameter in trained}
    trainer.optimizer.state.clear()
    for key, tensor in tensors.items():
        kind, _, name = key.partition("/")
        parameter = names.get(name)
        if parameter is None or (kind != "step" and tensor.shape != parameter.shape):
            raise CheckpointError(
                f"{folder} trained {name}, which this run does not",
                hint="Relations and layers decide what is trained; give those that it was made with.",
            )
        trainer.optimizer.state[parameter][kind] = tensor.to(trainer.device)


def _names(model: PreTrainedModel) -> dict[Tensor, str]:
    return {parameter: name for name, parameter in model.named_parameters()}
