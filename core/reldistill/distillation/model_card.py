"""The README.md of a student: where it comes from, in full, and what to expect of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import reldistill
from reldistill.registry.content_hash import content_hash
from reldistill.teacher import FusedPart

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from reldistill.distillation.plan import Plan
    from reldistill.distillation.student import NewStudent

__all__ = ["model_card", "untrained_rows", "untrained_tensors"]


def untrained_tensors(model: PreTrainedModel) -> list[str]:
    """Parameters that the run could not reach and that stayed as initialised."""
    return [name for name, parameter in model.named_parameters() if not parameter.requires_grad]


def untrained_rows(plan: Plan, model: PreTrainedModel) -> list[str]:
    """The rows of a matrix of several projections that no relation reads, where it is trained for the sake of others.

    Their gradient is zero; weight decay shrinks them.
    """
    found = plan.teacher.adapter.projections(model, max(plan.student_layers))
    names = {module: name for name, module in model.named_modules()}
    parts = {kind: getattr(found, kind) for kind in ("query", "key", "value")}
    return [
        f"{names[part.module]}.weight, rows {part.start} to {part.stop - 1} ({kind})"
        for kind, part in parts.items()
        if isinstance(part, FusedPart) and kind not in plan.needs
        if any(parameter.requires_grad for parameter in part.module.parameters())
    ]


def model_card(
    plan: Plan, student: NewStudent, *, data_sha256: str | None, tokens: int, measured: Mapping[str, Any]
) -> str:
    """Markdown with the metadata block that the Hub reads. ``measured``: held-out loss by moment, may be empty.

    ``data_sha256``: None where no step was trained.
    """
    model = student.model
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
        ("Start", f"{plan.start_in_words}, seed {plan.config.seed}" if student.random else plan.start_in_words),
        *(_loss_rows(plan) if plan.steps or measured else ()),
        *_training_rows(plan, data_sha256, tokens),
        *(
            (f"Held-out relation loss{f', {moment}' if plan.steps else ''}", f"{value:.5f}")
            for moment, value in measured.items()
        ),
        *((f"Plugin {s.name}", f"{s.distribution} {s.version} (SHA-256 {content_hash(s)})") for s in plan.plugins),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return f"""---
library_name: transformers
tags: [reldistill{", minilmv2, distillation" if plan.steps else ""}]
---
# {plan.shape.layers}x{plan.shape.hidden_size} student of {plan.teacher.label}

Made by reldistill {reldistill.__version__}: {_what(plan)}.

```python
from transformers import AutoModel, AutoTokenizer
model, tokenizer = AutoModel.from_pretrained("student"), AutoTokenizer.from_pretrained("student")
```

| | |
|---|---|
{table}

{_origin_of_tensors(plan, student)}
"""


def _what(plan: Plan) -> str:
    if plan.steps:
        return "multi-head self-attention relation distillation (MiniLMv2, Wang et al. 2021)"
    return "a baseline for distilled students that was not trained"


def _loss_rows(plan: Plan) -> list[tuple[str, object]]:
    return [
        ("Layers, teacher → student", plan.layers_in_words),
        ("Relations", plan.relations_in_words),
        ("Relation heads", plan.relation_heads),
    ]


def _training_rows(plan: Plan, data_sha256: str | None, tokens: int) -> list[tuple[str, object]]:
    if not plan.steps:
        return [("Steps", "0: nothing was trained, no text was read for it")]
    return [
        ("Data", f"{plan.data_names} (SHA-256 of the manifest {data_sha256})"),
        ("Steps × sequences", f"{plan.steps:,} × {plan.config.batch_size:,}, {tokens:,} tokens"),
        ("Learning rate", f"{plan.config.learning_rate:g}, warm-up {plan.warmup:,} steps"),
        ("Seed, precision", f"{plan.config.seed}, {plan.precision_in_words}"),
    ]


def _origin_of_tensors(plan: Plan, student: NewStudent) -> str:
    """What is trained, the teacher's, and random."""
    if not plan.steps and not plan.inherited:
        but = "" if plan.inherited is None else " but the teacher's embeddings"
        return f"Nothing was trained: all its tensors{but} are random, of seed {plan.config.seed}."
    if not plan.steps:
        said = f"Nothing was trained: it is {plan.start_in_words}, unchanged."
        if student.random:
            said += f" The teacher's files lack these tensors, which are random:\n\n{_listed(student.random)}"
        return said
    untrained = untrained_tensors(student.model)
    said = "It is meant to be fine-tuned. The relations that it learned end at the projections of its last layer, so these\n"
    shrunk = untrained_rows(plan, student.model)
    but_decayed = f"\n\nThese changed by weight decay alone:\n\n{_listed(shrunk)}" if shrunk else ""
    if not plan.inherited:
        return said + f"tensors are as they were initialised:\n\n{_listed(untrained)}{but_decayed}"
    said += f"tensors are the teacher's, unchanged:\n\n{_listed([n for n in untrained if n not in student.random])}{but_decayed}"
    if student.random:
        said += f"\n\nThe teacher's files lack these, which are random:\n\n{_listed(student.random)}"
    return said


def _listed(names: Sequence[str]) -> str:
    return "\n".join(f"- `{name}`" for name in names) or "- none"
