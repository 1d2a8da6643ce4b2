"""Metrics of the tasks, in percent."""

from reldistill.evaluation.metrics.classification import accuracy, f1, matthews
from reldistill.evaluation.metrics.correlation import pearson, spearman

__all__ = ["accuracy", "f1", "matthews", "pearson", "spearman"]
