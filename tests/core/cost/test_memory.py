"""Bytes against real tensors: weights and optimiser exactly, activations to a few hundredths."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import BertConfig, ModernBertConfig, PretrainedConfig

from reldistill import PackedTokens, Registry, StudentShape, relation_loss
from reldistill.cost import (
    EncoderSize,
    LossSize,
    ModelSize,
    StepSize,
    activation_bytes,
    optimizer_traffic_bytes,
    step_memory,
)
from reldistill.cost.memory import loss_bytes, passing_bytes
from reldistill.distillation.optimizer import make_optimizer
from reldistill.distillation.student import new_student
from reldistill.encoder import load_teacher, student_encoder
from reldistill.states import cumulative_lengths

REGISTRY = Registry.installed()
BERT, CPU = REGISTRY.teachers.get("bert").thing, torch.device("cpu")
QQ_KK = {REGISTRY.relations.get(name).thing: 1.0 for name in ("qq", "kk")}
NEEDS = frozenset(("query", "key"))
CONFIG = BertConfig(
    vocab_size=401, hidden_size=7 * 12, num_attention_heads=7, num_hidden_layers=5, intermediate_size=4 * 83,
    max_position_embeddings=131,
)  # fmt: skip
STUDENT = BERT.student_config(CONFIG, StudentShape(3, 60, 5))

MODERN = REGISTRY.teachers.get("modernbert").thing
MODERN_CONFIG = ModernBertConfig(
    vocab_size=401, hidden_size=7 * 12, num_attention_heads=7, num_hidden_layers=5, intermediate_size=2 * 83, pad_token_id=0,
    local_attention=20,
)  # fmt: skip
MODERN_STUDENT = MODERN.student_config(MODERN_CONFIG, StudentShape(3, 60, 5, 90))


def sizes(teacher: PretrainedConfig, student: PretrainedConfig) -> StepSize:
    return StepSize(
        EncoderSize(ModelSize.of(teacher), 4, 2), EncoderSize(ModelSize.of(student), 3, 2), LossSize(84, 60, 2)
    )


SIZE = sizes(CONFIG, STUDENT)
FAMILIES = {
    "bert": (BERT, CONFIG, STUDENT, SIZE),
    "modernbert": (MODERN, MODERN_CONFIG, MODERN_STUDENT, sizes(MODERN_CONFIG, MODERN_STUDENT)),
}


def batch(lengths: Sequence[int]) -> PackedTokens:
    positions = torch.cat([torch.arange(n) for n in lengths])
    return PackedTokens(
        torch.randint(1, 401, (sum(lengths),)), positions, cumulative_lengths(lengths, CPU), tuple(lengths)
    )


def bytes_of(tensors: Any) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("family", FAMILIES)
def test_weights_gradients_and_moments_are_exact(tmp_path: Path, family: str, precision: torch.dtype) -> None:
    adapter, of_teacher, of_student, size = FAMILIES[family]
    new_student(of_teacher, 0).save_pretrained(tmp_path)
    teacher = load_teacher(tmp_path, of_teacher, adapter, [4], NEEDS, dtype=precision)
    model = new_student(of_student, 0)
    student = student_encoder(model, adapter, [3], NEEDS)
    optimizer = make_optimizer(student, learning_rate=1e-3, beta2=0.999, epsilon=1e-6, weight_decay=0.01)
    tokens = batch((5, 9))
    relation_loss(teacher(tokens)[4], student(tokens)[3], QQ_KK, 12).total.backward()
    optimizer.step()
    memory = step_memory(size, 14, 106, precision_bytes=precision.itemsize)
    assert memory.teacher_weights.total == bytes_of(teacher.parameters())
    assert memory.teacher_weights.embeddings == bytes_of(
        p for name, p in teacher.named_parameters() if name.startswith("model.embeddings.")
    )
    assert memory.student_weights.total == bytes_of(model.parameters())
    assert memory.gradients.total == bytes_of(p.grad for p in model.parameters() if p.grad is not None)
    states = [state[name] for state in optimizer.state.values() for name in ("exp_avg", "exp_avg_sq")]
    assert memory.adam_moments.total == bytes_of(states)
    moved = 4 * memory.gradients.total + bytes_of(states) + memory.gradients.total  # read four, write three
    assert optimizer_traffic_bytes(size.student) == moved


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("lengths", [(7, 5, 9, 4, 6), (31, 120)], ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_activations_kept_for_backward(family: str, lengths: tuple[int, ...], precision: torch.dtype) -> None:
    adapter, _, of_student, size = FAMILIES[family]
    model = new_student(of_student, 0)
    student = student_encoder(model, adapter, [3], NEEDS, attention="native").train()
    weights = {tensor.untyped_storage().data_ptr() for tensor in model.state_dict().values()}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage().data_ptr()
        if storage not in weights:
            kept[storage] = tensor
        return tensor

    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", precision, enabled=precision != torch.float32),
    ):
        student(batch(lengths))
    measured = sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
    tokens, squares = sum(lengths), sum(n * n for n in lengths)
    counted = activation_bytes(size.student, tokens, squares, precision_bytes=precision.itemsize)
    assert counted.total == pytest.approx(measured, rel=0.05)


class HighestLive(TorchDispatchMode):
    """The most bytes of results that are alive after an operation."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.most = 0
        self._alive: weakref.WeakSet[Tensor] = weakref.WeakSet()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        self._alive.update(leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor))
        live = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in self._alive}
        self.most = max(self.most, sum(live.values()))
        return result


@pytest.mark.parametrize("family", FAMILIES)
def test_activations_that_pass_through_a_teacher(tmp_path: Path, family: str) -> None:
    adapter, config, _, size = FAMILIES[family]
    new_student(config, 0).save_pretrained(tmp_path)
    teacher = load_teacher(tmp_path, config, adapter, [4], NEEDS, attention="native")
    lengths = (40,) * 25
    with torch.no_grad(), HighestLive() as live:
        teacher(batch(lengths))
    assert passing_bytes(size.teacher, sum(lengths), 4) == pytest.approx(live.most, rel=0.15)


def test_the_loss_holds_states_and_a_gradient() -> None:
    tokens = 1000
    assert loss_bytes(SIZE, tokens, 4) - loss_bytes(SIZE, 0, 4) == 4 * tokens * (2 * 84 + 2 * 60 + 2 * 60)
    assert loss_bytes(SIZE, tokens, 2) - loss_bytes(SIZE, 0, 2) == tokens * (2 * (2 * 84 + 2 * 60) + 4 * 2 * 60)
