"""Distil, then measure on text that was held out: the distilled student, an untrained one, and the teacher's first layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, PreTrainedModel

from reldistill.config import DistillConfig
from reldistill.distillation import DistillResult, Reporter, distill
from reldistill.distillation.corpus import open_corpus
from reldistill.distillation.held_out import held_out_loss
from reldistill.distillation.inherited import inherited_student
from reldistill.distillation.objective import Objective
from reldistill.distillation.plan import Plan
from reldistill.distillation.student import new_student
from reldistill.distillation.text_source import text_source
from reldistill.encoder import load_teacher, student_encoder
from reldistill.encoder.quiet import quiet_transformers
from reldistill.inference_speed import inference_speed
from reldistill.registry import Registry
from reldistill.teacher import StudentShape
from reldistill_cli.demo.teacher import demo_teacher
from reldistill_cli.demo.text import write_demo_text

__all__ = ["run_demo"]

LAYERS, WIDTH, HEADS = 3, 192, 12


def run_demo(
    folder: Path, *, steps: int, say: Callable[[str], None], reporter: Reporter, registry: Registry
) -> dict[str, Any]:
    """Everything the demo measured, in plain values; text, run and results lie in ``folder``."""
    teacher = demo_teacher()
    say(f"teacher: {teacher.parent.name}, weights checked by SHA-256")
    texts = folder / "text"
    texts.mkdir(parents=True, exist_ok=True)
    train, held_out = texts / "train.txt", texts / "held-out.txt"
    size = write_demo_text(train, held_out)
    say(
        f"text: {size / 1e6:.1f} MB of documentation from this machine, {held_out.stat().st_size / 1e6:.2f} MB of it held out"
    )

    config = DistillConfig(
        teacher=str(teacher), student=f"{LAYERS}x{WIDTH}", student_heads=HEADS, data=(str(train),), validation=(str(held_out),),
        max_length=64, batch_size=32, steps=steps, learning_rate=2e-3, output=str(folder / "run"), overwrite=True,
    )  # fmt: skip
    result = distill(config, registry, reporter)
    assert isinstance(result, DistillResult)
    say("measuring on the held-out text")
    return _measure(result, held_out, reporter)


def _measure(result: DistillResult, held_out: Path, reporter: Reporter) -> dict[str, Any]:
    plan = result.plan
    with quiet_transformers():
        distilled: PreTrainedModel = AutoModel.from_pretrained(result.student)
        whole_teacher: PreTrainedModel = AutoModel.from_pretrained(plan.teacher.folder)
    untrained = new_student(plan.student_config, plan.config.seed)
    sizes = plan.teacher.config
    shape = StudentShape(LAYERS, sizes.hidden_size, sizes.num_attention_heads, sizes.intermediate_size)
    as_wide = plan.teacher.adapter.student_config(sizes, shape)
    first_layers = inherited_student(plan.teacher, as_wide, range(1, LAYERS + 1)).model

    models = {"untrained": untrained, "teacher's first layers": first_layers, "distilled": distilled}
    losses = {name: _loss(model, plan, held_out, reporter) for name, model in models.items()}
    speeds = inference_speed({"teacher": whole_teacher.eval(), "student": distilled.eval()})
    return {
        "student": str(result.student),
        "steps": plan.steps,
        "held_out_loss": losses,
        "parameters": {
            name: sum(p.numel() for p in model.parameters())
            for name, model in {"teacher": whole_teacher, **models}.items()
        },
        "sequences_per_second": {name: asdict(speed) for name, speed in speeds.items()},
        "machine": {"threads": torch.get_num_threads(), "torch": torch.__version__, "precision": plan.precision_in_words},
    }  # fmt: skip


def _loss(model: PreTrainedModel, plan: Plan, held_out: Path, reporter: Reporter) -> dict[str, float]:
    """Measured in fp32, whatever the run was trained in."""
    adapter, device = plan.teacher.adapter, torch.device("cpu")
    teacher = load_teacher(plan.teacher.weights_folder, plan.teacher.config, adapter, plan.teacher_layers, plan.needs)
    student = student_encoder(model.to(device), adapter, plan.student_layers, plan.needs)  # type: ignore[arg-type]
    corpus = open_corpus(
        text_source((str(held_out),), adapter.name, "text"), plan.teacher, max_length=plan.config.max_length, text_column="text",
        seed=0, at_most=None, reporter=reporter,
    )  # fmt: skip
    objective = Objective(teacher, plan.pairs, plan.relations, plan.relation_heads, torch.float32)
    return held_out_loss(
        objective,
        student,
        corpus,
        position_offset=adapter.position_offset(plan.teacher.config),
        micro_batch_tokens=4096,
        device=device,
    )
