"""Where runs lie and what the files in a run folder are called. Free of torch, so that runs are listed at once."""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "CHECKPOINTS", "CONFIG", "LATEST", "METRICS", "PROVENANCE", "REPORT", "RUNS", "STOPPED", "STUDENT", "TENSORBOARD",
]  # fmt: skip

RUNS = Path("runs")
"""Where runs lie unless ``--output`` says otherwise, below the current folder."""

LATEST = RUNS / "latest"
"""Leads to the newest run that has a student."""

CONFIG = "config.toml"
METRICS = "metrics.jsonl"
CHECKPOINTS = "checkpoints"
STUDENT = "student"
REPORT = "report.html"
STOPPED = "STOPPED"
TENSORBOARD = "tensorboard"

PROVENANCE = "distillation.json"
"""In the student's folder: the identity of the run that made it, and its plan."""
