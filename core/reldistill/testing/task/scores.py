"""What a task makes of outputs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from reldistill.evaluation.inference import infer
from reldistill.stop import Stop
from reldistill.testing.check import ConformanceError, NotApplicable, ask
from reldistill.testing.task.rows import some_rows
from reldistill.testing.task.tiny import make_tokenizer, tiny_bert

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reldistill.eval_task import Encoded
    from reldistill.testing.task.rows import Given

__all__ = ["LENGTH", "check_order", "check_scores", "untrained_outputs"]

LENGTH = 64
"""Longest feature, in tokens."""

CONTRACT = "score(outputs, rows, encoded, language) gives metric -> float in percent, or None where it is not defined"

HEAD = "Use model_with_head of reldistill.evaluation.model, or a class AutoModelFor… of transformers."


def untrained_outputs(given: Given, encoded: Encoded) -> list[NDArray[np.float32]]:
    """What the task's head says on a tiny BERT that nobody has trained."""
    drawn = torch.get_rng_state()
    try:
        with tiny_bert() as folder:
            torch.manual_seed(0)
            model = ask(
                "model(checkpoint, fine_tuned=False)",
                lambda: given.task.model(folder, fine_tuned=False),
                "model() gives the checkpoint's encoder with a new head of this task",
                HEAD,
            )
    finally:
        torch.set_rng_state(drawn)
    return ask(
        "the model of model(), asked for outputs,",
        lambda: infer(model, encoded, pad_token_id=0, device=torch.device("cpu"), precision=torch.float32, stop=Stop()),
        "the model takes input_ids and attention_mask and gives logits, or start_logits and end_logits",
        HEAD,
    )  # fmt: skip


def check_scores(given: Given) -> None:
    """Of an untrained model."""
    evaluation, rows = some_rows(given)
    encoded = given.task.encode(rows, make_tokenizer(), LENGTH)
    outputs = untrained_outputs(given, encoded)
    found: Any = ask(
        "score of an untrained model's outputs",
        lambda: given.task.score(outputs, rows, encoded, evaluation.language),
        CONTRACT,
        "Expect for each feature the logits of the head: [labels], or [2, tokens] for answers.",
    )
    wrong = {
        name: value
        for name, value in dict(found).items()
        if not isinstance(name, str) or not (value is None or (isinstance(value, float) and math.isfinite(value)))
    }
    if wrong:
        raise ConformanceError(
            f"score gave {wrong!r}", CONTRACT, "Convert by float(value); NaN, of 0/0, is None or 0.0."
        )
    if given.task.main_metric not in found:
        raise ConformanceError(
            f"score gave {', '.join(found) or 'nothing'}, the main metric {given.task.main_metric!r} is not among it",
            "main_metric names one of the scores: models are chosen by it",
            "Let main_metric be a key of what score() returns.",
        )


def check_order(given: Given) -> None:
    """Outputs made of the targets against outputs that are all wrong."""
    evaluation, rows = some_rows(given)
    encoded = given.task.encode(rows, make_tokenizer(), LENGTH)
    width = len(untrained_outputs(given, encoded)[0])
    right, wrong = (_outputs(encoded, width, off) for off in (0, 1))
    metric = given.task.main_metric
    good, bad = (
        given.task.score(outputs, rows, encoded, evaluation.language).get(metric) for outputs in (right, wrong)
    )
    if good is None or bad is None:
        raise NotApplicable(f"{metric} is not defined on these rows; rows with different targets would tell")
    several = len({tuple(values) for values in zip(*encoded.targets.values(), strict=True)}) > 1
    if good < bad or (several and good == bad):
        raise ConformanceError(
            f"{metric} is {good:.4g} for right outputs and {bad:.4g} for wrong ones",
            "models are chosen by the largest main metric, of the outputs that they are trained towards",
            "Let score() number the labels as encode() does for targets, and compare outputs with the gold of rows; of an "
            "error that should be small, report the negative.",
        )


def _outputs(encoded: Encoded, width: int, off: int) -> list[NDArray[np.float32]]:
    """Logits that say the targets, or, with ``off`` 1, that each is another."""
    targets = encoded.targets
    if targets.keys() == {"labels"} and targets["labels"].ndim == 1:
        labels = targets["labels"]
        if labels.dtype.kind == "f":
            return [np.array([-value if off else value], np.float32) for value in labels]
        if labels.min() < 0 or labels.max() >= width:
            raise ConformanceError(
                f"encode gave labels from {labels.min()} to {labels.max()} for a head with {width} outputs",
                "labels number the outputs of the head, from 0",
                "Let model() make as many outputs as there are labels.",
            )
        return [_peak(width, (label + off) % width) for label in labels]
    if targets.keys() == {"start_positions", "end_positions"}:
        spans = zip(encoded.input_ids, targets["start_positions"], targets["end_positions"], strict=True)
        return [np.stack([_peak(len(ids), (at + off) % len(ids)) for at in (start, end)]) for ids, start, end in spans]
    raise NotApplicable(f"right outputs cannot be made of the targets {', '.join(sorted(targets)) or '(none)'}")


def _peak(length: int, at: int) -> NDArray[np.float32]:
    logits = np.zeros(length, np.float32)
    logits[at] = 10.0
    return logits
