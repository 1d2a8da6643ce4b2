"""Bytes on the device during a step. Weights and optimiser exactly; what passes through, as far as shapes tell.

Left out: allocator, libraries and Python, and the few gradients of activations that are alive at a time.

Letters: T tokens of a micro-batch, S the sum of squared lengths of its sequences, h attention heads, d width, f width
of the feed-forward part.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from reldistill.cost.parameters import encoder_parameters, model_parameters
from reldistill.cost.sizes import EncoderSize, StepSize

__all__ = [
    "MAPS_KEPT",
    "Bytes",
    "StepMemory",
    "activation_bytes",
    "loss_bytes",
    "optimizer_traffic_bytes",
    "passing_bytes",
    "step_memory",
]

FP32 = 4

MAPS_KEPT = {"cpu": 0, "cuda": 0, "mps": 3}
"""Attention maps ``[h, n, n]`` of fp32 that a layer keeps for backward: torch's attention with dropout keeps the
probabilities, the noise, and their product. Fused kernels, ours on a CPU and those of CUDA, keep none."""

NOISE_BYTES = {"cpu": 0, "cuda": 1}
"""Bytes that dropout keeps for an element: ours on a CPU draws its numbers again; elsewhere as many as the element has."""

TILE_BYTES = 2 << 20
"""Tiles of the loss that are alive at a time."""


@dataclass(frozen=True)
class Bytes:
    """Of the embeddings, and of everything else."""

    embeddings: int
    rest: int

    @property
    def total(self) -> int:
        """Both."""
        return self.embeddings + self.rest


@dataclass(frozen=True)
class StepMemory:
    """By part. ``student_weights`` are those of the whole student, gradients and moments those of what is trained."""

    teacher_weights: Bytes
    student_weights: Bytes
    gradients: Bytes
    adam_moments: Bytes
    student_activations: Bytes
    teacher_activations: Bytes
    loss: Bytes

    @property
    def total(self) -> int:
        """All parts, as if all were alive at the same moment."""
        return sum(getattr(self, part.name).total for part in fields(self))


def step_memory(
    size: StepSize, tokens: float, squares: float, *, precision_bytes: int = FP32, device: str = "cpu"
) -> StepMemory:
    """The teacher in its precision; the student's weights, gradients and two moments in fp32; one micro-batch.

    Args:
        size: what is computed.
        tokens: T of a micro-batch.
        squares: S of the same.
        precision_bytes: of a number in the products of both models: 4 for fp32, 2 for bf16.
        device: its type, ``cpu``, ``cuda`` or ``mps``: what is kept for backward differs.
    """
    teacher, student, trained = (
        encoder_parameters(size.teacher),
        model_parameters(size.student.model),
        encoder_parameters(size.student),
    )
    activations = activation_bytes(size.student, tokens, squares, precision_bytes=precision_bytes, device=device)
    return StepMemory(
        teacher_weights=Bytes(precision_bytes * teacher.embeddings, precision_bytes * teacher.rest),
        student_weights=Bytes(FP32 * student.embeddings, FP32 * student.rest),
        gradients=Bytes(FP32 * trained.embeddings, FP32 * trained.rest),
        adam_moments=Bytes(2 * FP32 * trained.embeddings, 2 * FP32 * trained.rest),
        student_activations=activations,
        teacher_activations=Bytes(0, passing_bytes(size.teacher, tokens, precision_bytes)),
        loss=Bytes(0, loss_bytes(size, tokens, precision_bytes)),
    )


def activation_bytes(
    size: EncoderSize, tokens: float, squares: float, *, precision_bytes: int = FP32, device: str = "cpu"
) -> Bytes:
    """What a student's forward pass keeps for its backward pass, with dropout.

    Of the embeddings: the sum ``dT``, and noise, :data:`NOISE_BYTES` for an element. Of a whole layer: inputs of its four
    linear maps ``3dT + fT`` (query, key and value share theirs), inputs of its two LayerNorms ``2dT`` in fp32, noise of two
    dropouts, query, key and value ``3dT``, the input of GELU ``fT``, and :data:`MAPS_KEPT` maps ``hS``, or where none is kept
    a number for each row ``hT``. Of the last layer: the input of its projections ``dT``. In bf16 each projection has an
    input of its own, and there is a copy of each matrix in bf16; and, where maps are kept, query, key and value in fp32
    beside those in bf16, for these products run in fp32.

    Of ModernBERT's: :func:`_modern_activations`.
    """
    if size.model.modern is not None:
        return _modern_activations(size, tokens, squares, precision_bytes, device)
    model, whole = size.model, size.layers - 1
    d, f, maps = model.hidden_size, model.intermediate_size, MAPS_KEPT[device]
    low = precision_bytes
    noise = NOISE_BYTES.get(device, low)
    embeddings = d * (FP32 + NOISE_BYTES.get(device, FP32))
    kept_twice = 3 * FP32 if maps and low != FP32 else 0
    # Autocast makes a copy of its input in bf16 for each of query, key and value.
    inputs, last = (3, 1) if low == FP32 else (5, size.projections)
    layer = d * (inputs * low + 2 * FP32 + 2 * noise + 3 * low + kept_twice) + 2 * f * low
    copies = encoder_parameters(size).matrices * low if low != FP32 else 0
    of_maps = model.attention_heads * (maps * squares if maps else tokens)
    rest = tokens * (whole * layer + last * d * low) + whole * FP32 * of_maps + copies
    return Bytes(round(tokens * embeddings), round(rest))


def _modern_activations(size: EncoderSize, tokens: float, squares: float, precision_bytes: int, device: str) -> Bytes:
    """The same of ModernBERT's architecture.

    Of a whole layer: inputs of its four linear maps ``3dT + fT``, inputs of its two norms ``2dT`` in fp32, noise of dropouts
    behind attention and in the feed-forward part, query, key and value ``3dT``, the gated part's two halves ``2fT`` and what
    GELU makes of the first ``fT``, and maps as BERT's. Of the last: the inputs of its norm and of its projections.
    """
    model, whole, low = size.model, size.layers - 1, precision_bytes
    d, f, maps = model.hidden_size, model.intermediate_size, MAPS_KEPT[device]
    noise = NOISE_BYTES.get(device, low)
    embeddings = d * (FP32 + NOISE_BYTES.get(device, FP32))
    kept_twice = 3 * FP32 if maps and low != FP32 else 0
    layer = d * (3 * low + 2 * FP32 + noise + 3 * low + kept_twice) + f * (4 * low + noise)
    copies = encoder_parameters(size).matrices * low if low != FP32 else 0
    of_maps = model.attention_heads * (maps * squares if maps else tokens)
    last = d * (FP32 + low) if size.projections else 0
    rest = tokens * (whole * layer + last) + whole * FP32 * of_maps + copies
    return Bytes(round(tokens * embeddings), round(rest))


def passing_bytes(size: EncoderSize, tokens: float, precision_bytes: int) -> int:
    """The most of a teacher's activations that is alive at a time, around GELU: ``(3d + 2f)·T``.

    That is the layer's input, the attention's output before and behind its map, and the FFN before and after GELU. Of
    ModernBERT's ``(5d + 4f)·T``: the layer's input, the attention's output, their sum and its norm, both halves of the gated
    part, and GELU before and after the gate; or ``10d·T`` around attention, where a narrow gated part is less than that.
    """
    model = size.model
    if model.modern is not None and size.layers > 1:
        d, f = model.hidden_size, model.intermediate_size
        return round(tokens * max(5 * d + 4 * f, 10 * d) * precision_bytes)
    widest = 3 * model.hidden_size + 2 * model.intermediate_size if size.layers > 1 else 4 * model.hidden_size
    return round(tokens * widest * precision_bytes)


def loss_bytes(size: StepSize, tokens: float, precision_bytes: int) -> int:
    """The states of both models in their precision, the gradient of the student's in fp32, and a few tiles."""
    teacher = size.teacher.projections * size.loss.teacher_width
    student = size.student.projections * size.loss.student_width
    return round(tokens * (precision_bytes * (teacher + student) + FP32 * student)) + TILE_BYTES


def optimizer_traffic_bytes(size: EncoderSize) -> int:
    """Bytes that Adam cannot but move in a step: it reads weight, gradient and two moments, and writes all but the
    gradient, fp32 each: 28 for a trained parameter. It does no products; memory is what it waits for.
    """
    return 7 * FP32 * encoder_parameters(size).total
