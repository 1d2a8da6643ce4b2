"""Checkpoints on the disk: whole or not there, whatever happens while they are written. What lies in them is others' business."""

from reldistill.checkpoint.folder import CheckpointFolder, step_of
from reldistill.checkpoint.manifest import MANIFEST, verify

__all__ = ["MANIFEST", "CheckpointFolder", "step_of", "verify"]
