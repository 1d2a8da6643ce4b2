"""AdamW with linear warm-up and decay (section 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["linear_schedule", "make_optimizer", "schedule_behind"]


def make_optimizer(
    module: nn.Module, *, learning_rate: float, beta2: float, epsilon: float, weight_decay: float
) -> AdamW:
    """AdamW over the parameters that need a gradient; biases and LayerNorm are not decayed."""
    decayed: list[Tensor] = []
    kept: list[Tensor] = []
    for owner in module.modules():
        for name, parameter in owner.named_parameters(recurse=False):
            if parameter.requires_grad:
                (kept if name == "bias" or isinstance(owner, nn.LayerNorm) else decayed).append(parameter)
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": kept, "weight_decay": 0.0}]
    return AdamW([g for g in groups if g["params"]], lr=learning_rate, betas=(0.9, beta2), eps=epsilon, fused=True)


def linear_schedule(optimizer: AdamW, *, warmup: int, steps: int) -> LambdaLR:
    """From 0 to the peak over ``warmup`` steps, then to 0 at step ``steps``; the first step is 1/warmup of the peak."""

    def factor(done: int) -> float:
        step = done + 1
        if step <= warmup:
            return step / warmup
        return max(0.0, (steps - done) / max(1, steps - warmup))

    return LambdaLR(optimizer, factor)


def schedule_behind(schedule: LambdaLR, optimizer: AdamW, step: int) -> LambdaLR:
    """The same schedule as it stands behind ``step``, wherever this one stands; sets the optimiser's learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"]
    return LambdaLR(optimizer, schedule.lr_lambdas, last_epoch=step - 1)
