"""What a run costs: multiplications that cannot be avoided, against what this machine was measured to do.

Counted are the matrix products alone, two operations for each multiply-add. Letters: n tokens of a sequence, d width
of a model, f width of its feed-forward part, p projections taken of the last layer.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from reldistill.teacher import StudentShape

__all__ = ["EncoderSize", "encoder_flops", "loss_flops", "measured_rate", "step_flops", "training_bytes"]

EFFICIENCY = 0.35
"""Share of the measured rate that a whole step is assumed to reach, for the estimate of the time alone."""


@dataclass(frozen=True)
class EncoderSize:
    """What the cost of an encoder depends on: ``layers`` up to the one whose ``projections`` are taken."""

    layers: int
    hidden_size: int
    intermediate_size: int
    projections: int


def encoder_flops(size: EncoderSize, length: float) -> float:
    """Operations a token, forward: ``(layers - 1) · (8d² + 4df + 4nd) + 2pd²``."""
    d, f = size.hidden_size, size.intermediate_size
    return (size.layers - 1) * (8 * d * d + 4 * d * f + 4 * length * d) + 2 * size.projections * d * d


def loss_flops(teacher_width: int, student_width: int, relations: int, length: float) -> float:
    """Operations a token: logits of both, and two products for the student's gradient: ``relations · (2nD_t + 6nD_s)``."""
    return relations * (2 * length * teacher_width + 6 * length * student_width)


def step_flops(teacher: EncoderSize, student: EncoderSize, relations: int, length: float) -> float:
    """Operations a token of a training step: teacher forward, student forward and backward (twice the forward), loss."""
    loss = loss_flops(teacher.hidden_size, student.hidden_size, relations, length)
    return encoder_flops(teacher, length) + 3 * encoder_flops(student, length) + loss


def training_bytes(shape: StudentShape, vocabulary: int) -> int:
    """Bytes of a student in training: weights, gradients and Adam's two moments in fp32; without activations."""
    d, f = shape.hidden_size, shape.intermediate_size
    return 16 * (vocabulary * d + shape.layers * (4 * d * d + 2 * d * f))


def measured_rate(device: torch.device, dtype: torch.dtype, seconds: float = 0.2) -> float:
    """Operations a second of a 1024³ matrix product in this dtype: the median of what fits into ``seconds``."""
    left, right = (torch.randn(1024, 1024, device=device).to(dtype) for _ in range(2))
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        float((left @ right)[0, 0])  # waits for the device
        times.append(time.perf_counter() - start)
    return 2 * 1024**3 / sorted(times)[len(times) // 2]
