"""Relation distillation loss (paper, equations 5 to 8): one function, several kernels."""

from reldistill.loss.relation_loss import Kernel, RelationLoss, relation_loss

__all__ = ["Kernel", "RelationLoss", "relation_loss"]
