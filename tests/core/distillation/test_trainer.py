"""A gradient that is not finite changes nothing of the student, and the run ends with the step and its sequences."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoTokenizer

from conftest import MakeTeacher
from reldistill import DistillConfig, LayerPair, Registry, ReldistillError, StudentShape, distill
from reldistill.distillation.objective import Objective
from reldistill.distillation.optimizer import linear_schedule, make_optimizer
from reldistill.distillation.skipped import NotFinite
from reldistill.distillation.student import new_student
from reldistill.distillation.trainer import Trainer
from reldistill.encoder import load_teacher, student_encoder
from reldistill_loader import Corpus, tokenize

NEEDS = frozenset({"query", "key", "value"})
CPU = torch.device("cpu")


@pytest.fixture
def trainer(teacher: MakeTeacher, text: Path, tmp_path: Path) -> Trainer:
    registry = Registry.installed()
    folder, adapter = teacher("bert", layers=3), registry.teachers.get("bert").thing
    config = AutoConfig.from_pretrained(folder)
    tokenize(text, AutoTokenizer.from_pretrained(folder).backend_tokenizer.to_str(), tmp_path / "corpus", max_length=40)
    relations = {registry.relations.get(name).thing: 1.0 for name in ("qq", "kk", "vv")}
    student = student_encoder(
        new_student(adapter.student_config(config, StudentShape(2, 12, 3)), 0), adapter, [2], NEEDS
    )
    optimizer = make_optimizer(student, learning_rate=1e-3, beta2=0.999, epsilon=1e-6, weight_decay=0.01)
    theirs = load_teacher(folder, config, adapter, [3], NEEDS)
    return Trainer(
        objective=Objective(theirs, [LayerPair(3, 2)], relations, 6, torch.float32),
        student=student.train(),
        optimizer=optimizer,
        schedule=linear_schedule(optimizer, warmup=0, steps=100),
        batches=Corpus.open(tmp_path / "corpus").batches(seed=0, batch_size=8),
        device=CPU,
        micro_batch_tokens=4_096,
        clip=1.0,
        log_every=5,
    )


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in trainer.student.named_parameters()}


def test_an_update_with_a_gradient_that_is_not_finite_is_left_out_and_the_next_one_is_not(trainer: Trainer) -> None:
    trainer.train_on_next()
    before = weights(trainer)
    part = next(trainer.student.parameters())
    spoil = part.register_hook(lambda gradient: gradient * float("nan"))
    _, _, norm = trainer.train_on_next()
    spoil.remove()
    assert not norm.isfinite()
    with pytest.raises(NotFinite, match="step 2"):
        trainer.look_at_skipped()
    assert all(torch.equal(value, before[name]) for name, value in weights(trainer).items())
    moments = (state for state in trainer.optimizer.state.values())
    assert all(tensor.isfinite().all() for state in moments for tensor in state.values())
    trainer.train_on_next()
    assert any(not torch.equal(value, before[name]) for name, value in weights(trainer).items())
    trainer.look_at_skipped()
    assert trainer.skipped.in_a_row == 0


def test_a_run_names_the_step_and_the_sequences_of_its_batch(trainer: Trainer, tmp_path: Path) -> None:
    next(trainer.student.parameters()).register_hook(
        lambda gradient: gradient * (float("inf") if trainer.step == 2 else 1.0)
    )
    with pytest.raises(ReldistillError, match="step 3: loss or gradient are not finite") as ended:
        trainer.run(10, lambda _step, _row: None)
    assert ended.value.hint is not None
    again = Corpus.open(tmp_path / "corpus").batches(seed=0, batch_size=8)
    third = [next(again) for _ in range(3)][2].indices.tolist()
    assert f"Sequences {', '.join(map(str, third))} of the corpus are in that batch" in ended.value.hint


def test_a_learning_rate_far_too_high_ends_with_one_message(
    teacher: MakeTeacher, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = DistillConfig(
        teacher=str(teacher("bert", layers=3)), data=(str(text),), student="2x12", student_heads=3, max_length=40,
        batch_size=16, steps=30, warmup=0, learning_rate=1e30, precision="fp32",
    )  # fmt: skip
    with pytest.raises(
        ReldistillError, match="loss or gradient are not finite, 4 times in a row; the student was not updated"
    ):
        distill(config)
