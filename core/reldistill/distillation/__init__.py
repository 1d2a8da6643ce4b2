"""Distillation from a teacher and raw text to a student that transformers loads."""

from reldistill.config import DistillConfig
from reldistill.distillation.plan import Plan
from reldistill.distillation.reporter import Reporter
from reldistill.distillation.run import DistillResult, DryRun, distill

__all__ = ["DistillConfig", "DistillResult", "DryRun", "Plan", "Reporter", "distill"]
