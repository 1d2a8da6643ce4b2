"""Named sets of a distillation's options, as a paper had them. Each value names its source: section of the MiniLMv2 paper, or where else.

What depends on teacher and student stays open, and is filled in from the same paper when both are known
(``distillation/paper_defaults.py``): relation heads of an XLM-R, Adam's second moment for a student of RoBERTa-large. The
student's shape, the text and the precision are nobody's default and stay open too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reldistill.errors import UsageError, did_you_mean

__all__ = ["PRESETS", "Preset", "PresetValue", "preset_named"]


@dataclass(frozen=True)
class PresetValue:
    """A value, and where it is found."""

    value: Any
    source: str


@dataclass(frozen=True)
class Preset:
    """Some options of a command. ``about`` says, in a line, what it is for."""

    name: str
    about: str
    values: Mapping[str, PresetValue]


MINILMV2 = {
    "init": PresetValue("random", "section 4.1"),
    "student_heads": PresetValue(12, "section 4.1"),
    "relations": PresetValue("qq,kk,vv", "section 3.1"),
    "batch_size": PresetValue(256, "section 4.1"),
    "max_length": PresetValue(512, "section 4.1"),
    "learning_rate": PresetValue(6e-4, "section 4.1"),
    "warmup": PresetValue(4_000, "section 4.1"),
    "weight_decay": PresetValue(0.01, "section 4.1"),
    "adam_epsilon": PresetValue(1e-6, "other implementations"),
}
"""What all students of the paper have in common."""

STEPS = PresetValue(400_000, "section 4.1")

PRESETS: Mapping[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "minilmv2-base",
            "MiniLMv2 from a base-size BERT or RoBERTa",
            {
                **MINILMV2,
                "layers": PresetValue("last", "section 3.2"),
                "relation_heads": PresetValue(48, "section 4.1"),
                "steps": STEPS,
                "adam_beta2": PresetValue(0.999, "section 4.1"),
            },
        ),
        Preset(
            "minilmv2-large",
            "MiniLMv2 from BERT-large or RoBERTa-large",
            {
                **MINILMV2,
                "layers": PresetValue("paper", "section 3.2: 21 of BERT-large, 19 of RoBERTa-large"),
                "relation_heads": PresetValue(64, "section 4.1"),
                "steps": STEPS,
            },
        ),
        Preset(
            "minilmv2-xlmr",
            "MiniLMv2 from XLM-R of either size",
            {
                **MINILMV2,
                "layers": PresetValue("paper", "section 3.2: 12 of XLM-R-base, 19 of XLM-R-large"),
                "steps": PresetValue(1_000_000, "other implementations"),
                "adam_beta2": PresetValue(0.999, "section 4.1"),
            },
        ),
        Preset(
            "minilm-v1",
            "MiniLM, the predecessor: attention and value relations of the last layer",
            {
                "relations": PresetValue("qk,vv", "MiniLM"),
                "relation_heads": PresetValue("attention", "MiniLM"),
                "layers": PresetValue("last", "MiniLM"),
            },
        ),
    )
}
"""All presets of a distillation, by name."""


def preset_named(presets: Mapping[str, Preset], name: str) -> Preset:
    """The one of this name among them. Raises :class:`UsageError` for one that there is not."""
    if name in presets:
        return presets[name]
    hint = f"{did_you_mean(name, presets)} Allowed: {', '.join(presets)}."
    raise UsageError(f"unknown preset {name!r}", hint=hint.lstrip())
