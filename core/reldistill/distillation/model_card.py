"""The README.md of a student: where it comes from, in full, and what to expect of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import reldistill
from reldistill.registry.content_hash import content_hash

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from reldistill.distillation.plan import Plan

__all__ = ["model_card", "untrained_tensors"]


def untrained_tensors(model: PreTrainedModel) -> list[str]:
    """Parameters that the run could not reach and that stayed as initialised."""
    return [name for name, parameter in model.named_parameters() if not parameter.requires_grad]


def model_card(
    plan: Plan, model: PreTrainedModel, *, data_sha256: str, tokens: int, measured: Mapping[str, Any]
) -> str:
    """Markdown with the metadata block that the Hub reads. ``measured``: held-out loss by moment, may be empty."""
    parameters = sum(p.numel() for p in model.parameters())
    rows: list[tuple[str, object]] = [
        (
            "Teacher",
            f"{plan.teacher.label} (SHA-256 of weights, configuration and tokenizer {plan.teacher.fingerprint})",
        ),
        (
            "Student",
            f"{plan.shape.layers} layers, width {plan.shape.hidden_size}, {plan.shape.attention_heads} heads, {parameters:,} parameters",
        ),
        ("Layers, teacher → student", plan.layers_in_words),
        ("Relations", plan.relations_in_words),
        ("Relation heads", plan.relation_heads),
        ("Data", f"{plan.data_names} (SHA-256 of the manifest {data_sha256})"),
        ("Steps × sequences", f"{plan.steps:,} × {plan.config.batch_size:,}, {tokens:,} tokens"),
        ("Learning rate", f"{plan.config.learning_rate:g}, warm-up {plan.warmup:,} steps"),
        ("Seed, precision", f"{plan.config.seed}, {plan.precision_in_words}"),
        *((f"Held-out relation loss, {moment}", f"{value:.5f}") for moment, value in measured.items()),
        *((f"Plugin {s.name}", f"{s.distribution} {s.version} (SHA-256 {content_hash(s)})") for s in plan.plugins),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return f"""---
library_name: transformers
tags: [reldistill, minilmv2, distillation]
---
# {plan.shape.layers}x{plan.shape.hidden_size} student of {plan.teacher.label}

Made by reldistill {reldistill.__version__}: multi-head self-attention relation distillation (MiniLMv2, Wang et al. 2021).

```python
from transformers import AutoModel, AutoTokenizer
model, tokenizer = AutoModel.from_pretrained("student"), AutoTokenizer.from_pretrained("student")
```

| | |
|---|---|
{table}

It is meant to be fine-tuned. The relations that it learned end at the projections of its last layer, so these
tensors are as they were initialised:

{_listed(untrained_tensors(model))}
"""


def _listed(names: Sequence[str]) -> str:
    return "\n".join(f"- `{name}`" for name in names) or "- none"
