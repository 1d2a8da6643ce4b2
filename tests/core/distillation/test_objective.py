"""The loss of a global batch and its gradient, in one piece and cut."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoTokenizer

from conftest import MakeTeacher
from reldistill import LayerPair, Registry, StudentShape
from reldistill.distillation.objective import Objective
from reldistill.distillation.student import new_student
from reldistill.distillation.tokens import packed_tokens
from reldistill.encoder import Encoder, load_teacher, student_encoder
from reldistill_loader import Corpus, tokenize
from tiny_models import FAMILIES

REGISTRY = Registry.installed()
CPU = torch.device("cpu")


def gradient_in_parts(
    objective: Objective, student: Encoder, corpus: Corpus, offset: int, tokens: int
) -> dict[str, torch.Tensor]:
    """The summed gradient of one global batch of 20 sequences, computed in parts of so many tokens."""
    batch = next(iter(corpus.batches(seed=3, batch_size=20, position_offset=offset)))
    parts = batch.micro_batches(tokens)
    student.zero_grad(set_to_none=True)
    total = torch.zeros(())
    for part in parts:
        loss = objective(student, packed_tokens(part, CPU), batch.global_sequences)
        loss.total.backward()
        total += loss.total.detach()
    found = {name: p.grad.clone() for name, p in student.named_parameters() if p.grad is not None}
    return {"number of parts": torch.tensor(float(len(parts))), "total": total, **found}


@pytest.mark.parametrize("family", [*FAMILIES, "modernbert"])
def test_unequal_parts_give_the_loss_and_gradient_of_the_whole(
    teacher: MakeTeacher, text: Path, tmp_path: Path, family: str
) -> None:
    folder, adapter = teacher(family, layers=3), REGISTRY.teachers.get(family).thing
    config = AutoConfig.from_pretrained(folder)
    tokenize(text, AutoTokenizer.from_pretrained(folder).backend_tokenizer.to_str(), tmp_path / "corpus", max_length=50)
    needs = frozenset({"query", "key", "value"})
    relations = {REGISTRY.relations.get(name).thing: 1.0 for name in ("qq", "kk", "vv")}
    theirs = load_teacher(folder, config, adapter, [3], needs)
    ours = student_encoder(new_student(adapter.student_config(config, StudentShape(2, 12, 3)), 0), adapter, [2], needs)
    objective = Objective(theirs, [LayerPair(3, 2)], relations, 6, torch.float32)
    corpus, offset = Corpus.open(tmp_path / "corpus"), adapter.position_offset(config)

    whole = gradient_in_parts(objective, ours.eval(), corpus, offset, 100_000)
    cut = gradient_in_parts(objective, ours.eval(), corpus, offset, 120)
    assert whole.pop("number of parts") == 1
    assert cut.pop("number of parts") > 3
    assert whole.keys() == cut.keys()
    for name, value in whole.items():
        torch.testing.assert_close(cut[name], value, rtol=1e-4, atol=1e-7)
