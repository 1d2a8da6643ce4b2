"""The cost of a run, in figures of all its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch

from reldistill.config import DistillConfig
from reldistill.cost import (
    Lengths,
    MeasuredRate,
    Parameters,
    StepFlops,
    StepMemory,
    StepSize,
    assumed_share,
    encoder_parameters,
    model_parameters,
    optimizer_traffic_bytes,
    step_flops,
    step_memory,
)
from reldistill.distillation.device import bf16_is_fast, memory_bytes, precision_name
from reldistill.distillation.locate import Teacher
from reldistill.errors import UsageError
from reldistill.layers import LayerPair
from reldistill.relation import Relation
from reldistill.relation_heads import common_relation_heads
from reldistill.teacher import StudentShape

__all__ = ["RunCost"]


@dataclass(frozen=True)
class RunCost:
    """The cost of a run. ``problems``: why it could not be started as it stands; then costs are of what was asked for.

    ``relation_heads`` is None where the number asked for does not divide the widths. ``lengths`` are described by
    ``lengths_from``.
    """

    config: DistillConfig
    teacher: Teacher
    shape: StudentShape
    pairs: tuple[LayerPair, ...]
    relations: Mapping[Relation, float]
    relation_heads: int | None
    size: StepSize
    lengths: Lengths
    lengths_from: str
    steps: int
    micro_batch_tokens: int
    device: torch.device
    precision: torch.dtype
    measured: MeasuredRate
    notes: tuple[str, ...]
    problems: tuple[UsageError, ...]

    @property
    def parameters(self) -> dict[str, Parameters]:
        """Teacher whole and as far as it is read, student whole and as far as it is trained."""
        return {
            "teacher": model_parameters(self.size.teacher.model),
            "teacher_loaded": encoder_parameters(self.size.teacher),
            "student": model_parameters(self.size.student.model),
            "student_trained": encoder_parameters(self.size.student),
        }

    @property
    def flops_per_token(self) -> StepFlops:
        """Necessary products, a token of the sequences' lengths on average."""
        return step_flops(self.size, 1, self.lengths.squares_per_token)

    @property
    def tokens_at_once(self) -> float:
        """Tokens of a micro-batch; a small global batch is one."""
        return min(self.micro_batch_tokens, self.config.batch_size * self.lengths.mean)

    @property
    def memory(self) -> StepMemory:
        """Bytes on the device."""
        return step_memory(
            self.size,
            self.tokens_at_once,
            self.tokens_at_once * self.lengths.squares_per_token,
            precision_bytes=self.precision.itemsize,
            device=self.device.type,
        )

    @property
    def optimizer_bytes_per_step(self) -> int:
        """What Adam moves in a step."""
        return optimizer_traffic_bytes(self.size.student)

    @property
    def tokens(self) -> float:
        """Tokens of the whole run."""
        return self.steps * self.config.batch_size * self.lengths.mean

    @property
    def assumed_share(self) -> float:
        """Of the measured rate, what a step is assumed to reach on this device."""
        return assumed_share(self.device)

    @property
    def tokens_per_second(self) -> float:
        """Expected: the assumed share of the measured rate over the operations of a token."""
        return self.assumed_share * self.measured.rate / self.flops_per_token.total

    @property
    def seconds(self) -> float:
        """Expected time of the whole run."""
        return self.tokens / self.tokens_per_second

    @property
    def device_memory(self) -> int | None:
        """Bytes that the device has; None where it cannot be told."""
        return memory_bytes(self.device)

    @property
    def precision_in_words(self) -> str:
        """``fp32`` or ``bf16``."""
        return precision_name(self.precision)

    @property
    def bf16_in_hardware(self) -> bool:
        """Whether the device multiplies bf16 in hardware; else bf16 is slower than fp32 there."""
        return bf16_is_fast(self.device)

    @property
    def fitting_relation_heads(self) -> list[int]:
        """All numbers of relation heads that divide both widths."""
        return common_relation_heads(self.size.loss.teacher_width, self.size.loss.student_width)

    def describe(self) -> dict[str, Any]:
        """Plain values, for JSON: operations, bytes, tokens, seconds."""
        flops, memory = self.flops_per_token, self.memory
        return {
            "teacher": {"name": self.teacher.label, "family": self.teacher.adapter.name, **asdict(self.size.teacher.model)},
            "student": asdict(self.size.student.model),
            "layers": [[pair.teacher_layer, pair.student_layer, pair.weight] for pair in self.pairs],
            "relations": {relation.name: weight for relation, weight in self.relations.items()},
            "relation_heads": self.relation_heads,
            "relation_heads_that_divide": self.fitting_relation_heads,
            "lengths": {**asdict(self.lengths), "from": self.lengths_from},
            "batch_size": self.config.batch_size,
            "micro_batch_tokens": self.micro_batch_tokens,
            "steps": self.steps,
            "device": str(self.device),
            "precision": self.precision_in_words,
            "parameters": {
                name: {"total": found.total, "embeddings": found.embeddings, "without_embeddings": found.rest}
                for name, found in self.parameters.items()
            },
            "flops_per_token": {
                **{part: {**asdict(getattr(flops, part)), "total": getattr(flops, part).total} for part in asdict(flops)},
                "total": flops.total,
            },
            "memory_bytes": {
                **{part: {**asdict(getattr(memory, part)), "total": getattr(memory, part).total} for part in asdict(memory)},
                "total": memory.total,
                "device": self.device_memory,
            },
            "optimizer_bytes_per_step": self.optimizer_bytes_per_step,
            "rate": {
                "flops_per_second": self.measured.rate,
                "shape": list(self.measured.shape),
                "bf16_in_hardware": self.bf16_in_hardware,
                "assumed_share": self.assumed_share,
            },
            "tokens": self.tokens,
            "tokens_per_second": self.tokens_per_second,
            "seconds": self.seconds,
            "notes": list(self.notes),
            "problems": [str(problem) for problem in self.problems],
        }  # fmt: skip
