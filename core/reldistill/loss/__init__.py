"""Relation distillation loss (paper, equations 5 to 8): one function, several kernels."""

from reldistill.loss.relation_loss import RelationLoss, relation_loss

__all__ = ["RelationLoss", "relation_loss"]
