"""The numbers of the paper that are taken where nothing else is said (METHOD.md, "Pre-training defaults"; section 4.1)."""

from __future__ import annotations

from reldistill.teacher import StudentShape

__all__ = ["adam_beta2", "relation_heads", "steps", "warmup"]

BASE_DEPTH = 12
"""Teachers of up to 12 layers count as base-size, deeper ones as large."""


def relation_heads(teacher_layers: int) -> int:
    """48 for base-size teachers, 64 for large ones."""
    return 48 if teacher_layers <= BASE_DEPTH else 64


def steps(family: str) -> int:
    """400,000; for XLM-R 1,000,000 (not in the text of the paper, see METHOD.md)."""
    return 1_000_000 if family == "xlm-r" else 400_000


def warmup(total_steps: int) -> int:
    """4,000 steps. Runs too short for that warm up for a tenth of their steps: ours, the paper has no short runs."""
    return min(4_000, total_steps // 10)


def adam_beta2(family: str, teacher_layers: int, shape: StudentShape) -> float:
    """0.999; 0.98 for the 12×768 student of RoBERTa-large."""
    large_roberta = family == "roberta" and teacher_layers > BASE_DEPTH
    return 0.98 if large_roberta and (shape.layers, shape.hidden_size) == (12, 768) else 0.999
