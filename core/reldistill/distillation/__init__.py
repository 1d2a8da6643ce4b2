"""Distillation from a teacher and raw text to a student that transformers loads."""

from reldistill.config import DistillConfig
from reldistill.distillation.compare_layers import ComparedLayers, compare_layers
from reldistill.distillation.measure import measure_students
from reldistill.distillation.measurement import MeasuredLoss, Measurement
from reldistill.distillation.plan import Plan
from reldistill.distillation.reporter import Reporter
from reldistill.distillation.run import DistillResult, DryRun, distill

__all__ = [
    "ComparedLayers", "DistillConfig", "DistillResult", "DryRun", "MeasuredLoss", "Measurement", "Plan", "Reporter", "compare_layers",
    "distill", "measure_students",
]  # fmt: skip
