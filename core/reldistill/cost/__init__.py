"""What a training step costs, counted from sizes alone: products, parameters, bytes; and what this machine multiplies."""

from reldistill.cost.flops import (
    EncoderFlops,
    LossFlops,
    StepFlops,
    encoder_backward_flops,
    encoder_forward_flops,
    loss_flops,
    pairs_seen,
    plain_loss_flops,
    step_flops,
)
from reldistill.cost.lengths import Lengths
from reldistill.cost.memory import Bytes, StepMemory, activation_bytes, optimizer_traffic_bytes, step_memory
from reldistill.cost.parameters import Parameters, encoder_parameters, model_parameters
from reldistill.cost.rate import MeasuredRate, assumed_share, matrix_product_rate, measured_rate
from reldistill.cost.sizes import EncoderSize, LossSize, ModelSize, ModernSize, StepSize

__all__ = [
    "Bytes",
    "EncoderFlops",
    "EncoderSize",
    "Lengths",
    "LossFlops",
    "LossSize",
    "MeasuredRate",
    "ModelSize",
    "ModernSize",
    "Parameters",
    "StepFlops",
    "StepMemory",
    "StepSize",
    "activation_bytes",
    "assumed_share",
    "encoder_backward_flops",
    "encoder_forward_flops",
    "encoder_parameters",
    "loss_flops",
    "matrix_product_rate",
    "measured_rate",
    "model_parameters",
    "optimizer_traffic_bytes",
    "pairs_seen",
    "plain_loss_flops",
    "step_flops",
    "step_memory",
]
