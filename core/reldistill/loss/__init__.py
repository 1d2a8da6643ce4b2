"""Relation distillation loss (paper, equations 5 to 8): one function, several kernels."""

from reldistill.loss.relation_loss import Kernel, RelationLoss, kernel_reasons, relation_loss

__all__ = ["Kernel", "RelationLoss", "kernel_reasons", "relation_loss"]
