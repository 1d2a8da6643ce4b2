"""An encoder with the head of a task, from a checkpoint that transformers loads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from safetensors import SafetensorError

from reldistill.encoder.quiet import quiet_transformers
from reldistill.errors import CheckpointError, UsageError, in_one_line

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["model_with_head"]

Head = Literal["sequence-classification", "question-answering"]


def model_with_head(
    head: Head, checkpoint: Path, labels: Sequence[str] = (), *, fine_tuned: bool = False
) -> PreTrainedModel:
    """The checkpoint's encoder in fp32 with a head whose outputs stand in the order of ``labels``; without any, one number.

    A new head draws from torch's global generator. With ``fine_tuned`` the head is the checkpoint's own: its outputs are
    put into this order by their names.

    Raises:
        UsageError: with ``fine_tuned``: there is no such head, or its labels are not these, or have no names.
        CheckpointError: the checkpoint cannot be read.
    """
    import torch
    from transformers import AutoConfig, AutoModelForQuestionAnswering, AutoModelForSequenceClassification

    kinds: Any = {
        "sequence-classification": AutoModelForSequenceClassification,
        "question-answering": AutoModelForQuestionAnswering,
    }
    try:
        config: Any = AutoConfig.from_pretrained(checkpoint, local_files_only=True, trust_remote_code=False)
        if fine_tuned:
            order = _order_of_labels(config, head, labels, checkpoint)
        elif head == "sequence-classification":
            config.id2label = dict(enumerate(labels)) if labels else {0: "score"}
            config.label2id = {label: i for i, label in config.id2label.items()}
            config.problem_type = "single_label_classification" if labels else "regression"
        else:
            config.num_labels = 2  # start and end
        fresh = None if fine_tuned else kinds[head].from_config(config, trust_remote_code=False)
        with quiet_transformers():
            model, report = kinds[head].from_pretrained(
                checkpoint, config=config, local_files_only=True, dtype=torch.float32, output_loading_info=True,
                ignore_mismatched_sizes=not fine_tuned, trust_remote_code=False,
            )  # fmt: skip
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{checkpoint} cannot be read: {in_one_line(error)}") from error
    if fine_tuned:
        if missing := [name for name in report["missing_keys"] if "pooler" not in name]:
            raise UsageError(
                f"{checkpoint} has no trained head: {', '.join(sorted(missing)[:4])} are not in it",
                hint="Fine-tune it: leave out --epochs 0.",
            )
        _reorder(model, order)
    if fresh is not None:  # a head that the checkpoint has is another task's
        own = dict(model.named_parameters())
        for name, parameter in fresh.named_parameters():
            if not name.startswith(f"{model.base_model_prefix}."):
                own[name].data.copy_(parameter.data)
    result: PreTrainedModel = model
    return result


def _order_of_labels(config: Any, head: Head, labels: Sequence[str], checkpoint: Path) -> list[int]:
    """For each of the task's labels the number of the checkpoint's output; empty where there is nothing to order."""
    if head != "sequence-classification" or not labels:
        if head == "sequence-classification" and config.num_labels != 1:
            raise UsageError(f"{checkpoint} tells {config.num_labels} labels apart; this task asks for one number")
        return []
    theirs = {str(name).lower().replace("-", "_"): int(number) for number, name in config.id2label.items()}
    if any(name == f"label_{number}" for name, number in theirs.items()):
        raise UsageError(
            f"{checkpoint} calls its labels {', '.join(map(str, config.id2label.values()))}: what they mean would be a guess",
            hint=f"Name them in its config.json (id2label and label2id): {', '.join(labels)}, in the order of its outputs.",
        )
    if set(theirs) != {label.lower() for label in labels}:
        raise UsageError(
            f"{checkpoint} has the labels {', '.join(map(str, config.id2label.values()))}",
            hint=f"This task has {', '.join(labels)}.",
        )
    return [theirs[label.lower()] for label in labels]


def _reorder(model: Any, order: Sequence[int]) -> None:
    """Put the outputs into this order: by their numbers, on the logits, whatever the head is made of."""
    if not order or list(order) == sorted(order):
        return

    def reordered(_module: object, _arguments: object, output: Any) -> Any:
        output.logits = output.logits[..., list(order)]
        return output

    model.register_forward_hook(reordered)
