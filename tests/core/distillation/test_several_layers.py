"""Several pairs of layers in one run: one pass of the teacher, and the weighted sum of what the pairs give alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoTokenizer

from conftest import MakeTeacher
from reldistill import LayerContext, LayerPair, PackedTokens, Registry, StudentShape
from reldistill.distillation.objective import Objective
from reldistill.distillation.student import new_student
from reldistill.encoder import Encoder, load_teacher, student_encoder
from reldistill.layers import explicit_pairs
from short_runs import configure, rows, run
from tiny_models import FAMILIES, documents

REGISTRY = Registry.installed()
NEEDS = frozenset({"query", "key", "value"})
RELATIONS = {REGISTRY.relations.get(name).thing: weight for name, weight in (("qq", 1.0), ("kk", 0.5), ("qv", 2.0))}
LAYERS = 4


def tokens(folder: Path, offset: int) -> PackedTokens:
    """Three sequences in one row."""
    ids = [AutoTokenizer.from_pretrained(folder)(text)["input_ids"][:30] for text in documents(3)]
    ends = [0, *torch.tensor([len(row) for row in ids]).cumsum(0).tolist()]
    positions = [offset + position for row in ids for position in range(len(row))]
    return PackedTokens(
        torch.tensor([number for row in ids for number in row]), torch.tensor(positions),
        torch.tensor(ends, dtype=torch.int32), tuple(map(len, ids)),
    )  # fmt: skip


def encoders(folder: Path, family: str, pairs: list[LayerPair]) -> tuple[Encoder, Encoder, int]:
    """Teacher and a student of two layers, as far as the pairs need them, and the offset of positions."""
    adapter, config = REGISTRY.teachers.get(family).thing, AutoConfig.from_pretrained(folder)
    theirs = load_teacher(folder, config, adapter, sorted({pair.teacher_layer for pair in pairs}), NEEDS)
    model = new_student(adapter.student_config(config, StudentShape(2, 12, 3)), 0).eval()
    ours = student_encoder(model, adapter, sorted({pair.student_layer for pair in pairs}), NEEDS)
    return theirs, ours.eval(), adapter.position_offset(config)


def loss(folder: Path, family: str, pairs: list[LayerPair]) -> dict[str, float]:
    theirs, ours, offset = encoders(folder, family, pairs)
    found = Objective(theirs, pairs, RELATIONS, 6, torch.float32)(ours, tokens(folder, offset), 3)
    return {"total": float(found.total.detach()), **{name: float(term) for name, term in found.terms.items()}}


@pytest.mark.parametrize("family", [*FAMILIES, "modernbert"])
@pytest.mark.parametrize("text", ["4:2,2:1=0.5", "3:2=0.25,2:2=2,4:1", "4:2,4:1=3", "1:2,3:1"])
def test_the_loss_is_the_weighted_sum_of_the_pairs_alone(teacher: MakeTeacher, family: str, text: str) -> None:
    folder = teacher(family, layers=LAYERS)
    pairs = explicit_pairs(text, LayerContext(family, LAYERS, 24, 2, 12))
    assert pairs is not None
    together = loss(folder, family, pairs)
    alone = [loss(folder, family, [LayerPair(pair.teacher_layer, pair.student_layer)]) for pair in pairs]
    assert len({found["total"] for found in alone}) == len(pairs)
    for name, value in together.items():
        expected = sum(pair.weight * found[name] for pair, found in zip(pairs, alone, strict=True))
        assert value == pytest.approx(expected, rel=1e-5), name


@pytest.mark.parametrize("family", FAMILIES)
def test_one_pass_computes_each_layer_of_both_models_once_and_none_above(teacher: MakeTeacher, family: str) -> None:
    folder = teacher(family, layers=LAYERS)
    pairs = [LayerPair(3, 2), LayerPair(1, 1), LayerPair(2, 2, 0.5), LayerPair(3, 1, 0.1)]
    theirs, ours, offset = encoders(folder, family, pairs)
    calls: Counter[str] = Counter()
    for owner, encoder in (("teacher", theirs), ("student", ours)):
        for name, module in encoder.named_modules():
            if name.endswith((".self.query", ".self.key", ".self.value", ".intermediate.dense")):
                module.register_forward_hook(lambda *_, key=f"{owner} {name}": calls.update([key]))
    Objective(theirs, pairs, RELATIONS, 6, torch.float32)(ours, tokens(folder, offset), 3)
    assert set(calls.values()) == {1}
    prefix = "model.encoder.layer"
    expected = {f"{owner} {prefix}.{layer}.attention.self.{kind}"
                for owner, depth in (("teacher", 3), ("student", 2)) for layer in range(depth)
                for kind in ("query", "key", "value")}  # fmt: skip
    expected |= {f"teacher {prefix}.{layer}.intermediate.dense" for layer in (0, 1)}
    expected |= {f"student {prefix}.0.intermediate.dense"}
    assert calls.keys() == expected


@pytest.mark.parametrize(
    ("layers", "pairs"),
    [
        ("paper", [[4, 2, 1.0]]),
        ("last", [[4, 2, 1.0]]),
        ("uniform", [[2, 1, 0.5], [4, 2, 0.5]]),
        ("3", [[3, 2, 1.0]]),
        ("4:2,2:1=0.5", [[4, 2, 1.0], [2, 1, 0.5]]),
    ],
)
def test_each_strategy_trains(teacher: MakeTeacher, text: Path, here: Path, layers: str, pairs: list[object]) -> None:
    result = run(configure(teacher("bert", layers=LAYERS), text, layers=layers, steps=40))
    assert result.plan.describe()["layers"] == pairs
    logged = rows(result)
    assert logged[-1]["loss"] < 0.9 * logged[0]["loss"]
