"""Contestants of ``minictl bench step``. As a program it takes some steps with one of them and prints a Run.

python -m reldistill_cli.bench.stepping CONTESTANT WORKLOAD STEPS PRECISION
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from statistics import median
from typing import Any

import torch
from torch import nn
from transformers import PretrainedConfig

from reldistill import LayerPair, Registry, StudentShape
from reldistill.cost import EncoderSize, LossSize, ModelSize, StepSize, matrix_product_rate, step_flops
from reldistill.distillation.objective import Objective
from reldistill.distillation.optimizer import make_optimizer
from reldistill.distillation.student import new_student
from reldistill.encoder import ATTENTION_BACKENDS, Encoder, student_encoder
from reldistill.encoder.dropout import NativeDropout
from reldistill.encoder.load import cut_class, encoder_of, model_class
from reldistill.teacher import TeacherAdapter
from reldistill_cli.bench.contest import Run, peak_mib
from reldistill_cli.bench.padded_peers import PaddedPeer
from reldistill_cli.bench.workloads import RELATION_HEADS, WORKLOADS, Workload

__all__ = ["CONTESTANTS", "PEERS"]

CONTESTANTS = {
    "reldistill": "as `minictl distill` takes it",
    "common": "padded full models with all hidden states, eager attention, fp32, a loop over examples in the loss",
    "careful": "padded full models, SDPA, a masked loss of the whole batch, our precision",
    "without native attention": "ours, but attention by torch's SDPA, a sequence at a time",
    "without the native loss": "ours, but the loss by the tiled kernel in torch",
    "without cutting": "ours, but teacher and student computed to their ends",
    "without native dropout": "ours, but dropout by torch",
    "without packing": "ours, but each sequence filled up to the longest, and what fills it computed like the rest",
    "without bf16": "ours, but all in fp32",
}
PEERS = ("common", "careful")
NEEDS = frozenset({"query", "key", "value"})
FP32 = torch.float32


def teacher_config(workload: Workload) -> PretrainedConfig:
    """12×768, as BERT-base and XLM-R-base are."""
    from transformers import BertConfig, XLMRobertaConfig

    if workload.family == "bert":
        return BertConfig(vocab_size=workload.vocabulary, max_position_embeddings=512)
    return XLMRobertaConfig(vocab_size=workload.vocabulary, max_position_embeddings=514, type_vocab_size=1)


def ours(workload: Workload, precision: torch.dtype, name: str) -> Callable[[], float]:
    """A step of ours, or of ours without one of its measures."""
    adapter: TeacherAdapter = Registry.installed().teachers.get(workload.family).thing
    relations = {Registry.installed().relations.get(relation).thing: 1.0 for relation in workload.relations}
    attention = "sdpa" if name == "without native attention" else "native"
    config, cut = teacher_config(workload), name != "without cutting"
    student_config = adapter.student_config(config, StudentShape(6, 384))
    teacher = _teacher(config, adapter, attention, precision, cut=cut)
    model = new_student(student_config, 0)
    if cut:
        student = student_encoder(model, adapter, [6], NEEDS, attention=attention)
    else:
        model.set_attn_implementation(ATTENTION_BACKENDS[attention])
        student = encoder_of(model, adapter, [6], NEEDS)
    kernel: Any = "tiled" if name == "without the native loss" else "auto"
    objective = Objective(teacher, [LayerPair(12, 6)], relations, RELATION_HEADS, precision, kernel)
    optimizer = make_optimizer(student, learning_rate=6e-4, beta2=0.999, epsilon=1e-6, weight_decay=0.01)
    if name == "without native dropout":
        for module in student.modules():
            if isinstance(module, NativeDropout):
                module.forward = partial(nn.Dropout.forward, module)  # type: ignore[method-assign]
    tokens = workload.batch(filled=name == "without packing")
    student.train()

    def step() -> float:
        loss = objective(student, tokens, len(tokens.lengths)).total
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return float(loss.detach())

    return step


def _teacher(
    config: PretrainedConfig, adapter: TeacherAdapter, attention: str, precision: torch.dtype, *, cut: bool
) -> Encoder:
    kind = model_class(config)
    model = (cut_class(kind, adapter, [12]) if cut else kind)(config).to(precision)  # type: ignore[arg-type]
    model.set_attn_implementation(ATTENTION_BACKENDS[attention])
    return encoder_of(model, adapter, [12], NEEDS).requires_grad_(False).eval()


def peer(workload: Workload, precision: torch.dtype, name: str) -> Callable[[], float]:
    """A step of a padded peer on the same tokens."""
    careful = name == "careful"
    adapter: TeacherAdapter = Registry.installed().teachers.get(workload.family).thing
    config = teacher_config(workload)
    student_config = adapter.student_config(config, StudentShape(6, 384))
    dtype = precision if careful else FP32
    teacher, student = model_class(config)(config).to(dtype), new_student(student_config, 0)  # type: ignore[arg-type]
    for model in (teacher, student):
        model.set_attn_implementation("sdpa" if careful else "eager")
    trained = PaddedPeer(teacher, student, workload.relations, RELATION_HEADS, careful=careful, precision=dtype)
    tokens = workload.batch()
    rows = [*tokens.input_ids.split(list(tokens.lengths))]
    padding = int(config.pad_token_id or 0)
    input_ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=padding)
    mask = (torch.arange(input_ids.shape[1]) < torch.tensor(tokens.lengths)[:, None]).long()
    return lambda: trained.step(input_ids, mask)


def necessary_flops(workload: Workload) -> float:
    """Of a step on this batch: :func:`reldistill.cost.step_flops`."""
    registry = Registry.installed()
    teacher = teacher_config(workload)
    student = registry.teachers.get(workload.family).thing.student_config(teacher, StudentShape(6, 384))
    relations = {registry.relations.get(name).thing: 1.0 for name in workload.relations}
    size = StepSize(
        EncoderSize(ModelSize.of(teacher), 12, 3),
        EncoderSize(ModelSize.of(student), 6, 3),
        LossSize.of(relations, 768, 384),
    )
    lengths = workload.lengths()
    return step_flops(size, sum(lengths), sum(n * n for n in lengths)).total


def main() -> None:
    """One step that is not counted, then the others; the median of them is the run's time."""
    name, workload, steps, precision = sys.argv[1], WORKLOADS[sys.argv[2]], int(sys.argv[3]), sys.argv[4]
    dtype = {"fp32": FP32, "bf16": torch.bfloat16}["fp32" if name == "without bf16" else precision]
    base = peak_mib()
    torch.manual_seed(0)
    step = (peer if name in PEERS else ours)(workload, dtype, name)
    step()
    times, cpu, loss = [], time.process_time(), 0.0
    for _ in range(steps):
        started = time.perf_counter()
        loss = step()
        times.append(time.perf_counter() - started)
    spent, peak = (time.process_time() - cpu) / steps, peak_mib()
    rate = matrix_product_rate(torch.device("cpu"), {"fp32": FP32, "bf16": torch.bfloat16}[precision]).rate
    found = {"loss": loss, "matrix_product_rate": rate, "peak_mib_above_imports": peak - base}
    print(json.dumps(asdict(Run(median(times), spent, peak, json.dumps(found)))))


if __name__ == "__main__":
    main()
