"""The examples of the hooks run as they stand there: what a plugin author pastes works."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any, cast

import pytest
import torch
from transformers import AutoModel, AutoTokenizer, ElectraConfig, ElectraModel

from conftest import MakeTeacher
from hostile_plugins import PluginFolder
from random_states import random_states
from reldistill import (
    DistillConfig,
    LayerContext,
    LayerPair,
    PackedTokens,
    Registry,
    StudentShape,
    TeacherAdapter,
    distill,
    hookspecs,
    relation_loss,
)
from reldistill.config import EvalConfig
from reldistill.distillation import DistillResult
from reldistill.encoder import load_teacher
from reldistill.evaluation.run import evaluate
from reldistill.layers import check_pairs
from tiny_models import make_tokenizer, padded

HOOKS = [name for name in hookspecs.__all__ if name.startswith("reldistill_")]
LAYERS, WIDTH = 3, 24


def example(hook: str) -> str:
    """The indented block of a hook's documentation that stands behind ``::``."""
    documentation = inspect.getdoc(getattr(hookspecs, hook)) or ""
    _, _, block = documentation.partition("::\n\n")
    lines = block.splitlines()
    assert lines, f"{hook} has no example"
    assert all(line.startswith("    ") or not line for line in lines), f"the example of {hook} is no literal block"
    return dedent(block)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """All examples, each installed as a plugin of its own."""
    with PluginFolder(tmp_path / "plugins") as folder:
        for hook in HOOKS:
            folder.add(f"example-{hook.replace('_', '-')}", example(hook))
        warnings: list[str] = []
        yield Registry.installed(warn=warnings.append)
        assert warnings == []


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_takes_nothing_and_says_what_it_returns(hook: str) -> None:
    signature = inspect.signature(getattr(hookspecs, hook))
    assert not signature.parameters
    assert str(signature.return_annotation).startswith("Iterable[")


# ---- relations ----------------------------------------------------------------------------------------------------


def test_the_pair_of_the_example_is_the_built_in_one_under_another_name(registry: Registry) -> None:
    teacher, student = random_states([3, 5], 12, seed=0), random_states([3, 5], 8, seed=1)
    ours, theirs = (registry.relations.get(name).thing for name in ("query-key", "qk"))
    loss = relation_loss(teacher, student, {ours: 1.0, theirs: 1.0}, 2)
    assert loss.terms["query-key"] == loss.terms["qk"] > 0


def test_the_cosine_of_the_example_learns_from_the_hidden_states(registry: Registry) -> None:
    relation = registry.relations.get("hidden-cosine").thing
    teacher, student = random_states([3, 5], 12, seed=0), random_states([3, 5], 8, seed=1, requires_grad=True)
    loss = relation_loss(teacher, student, {relation: 0.5}, 4)
    expected = 0.0
    for start, end in ((0, 3), (3, 8)):
        rows = []
        for states in (teacher, student):
            hidden = states.require("hidden")[start:end].detach()
            unit = hidden / hidden.norm(dim=-1, keepdim=True)
            rows.append(torch.softmax(10 * unit @ unit.T, dim=-1))
        expected += float((rows[0] * (rows[0] / rows[1]).log()).sum()) / (end - start)
    assert math.isclose(float(loss.terms["hidden-cosine"]), expected / 2, rel_tol=1e-9)
    loss.total.backward()
    gradient = student.require("hidden").grad
    assert gradient is not None
    assert bool((gradient != 0).any(dim=1).all())


# ---- layers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("depth", "layer"), [(12, 6), (24, 12), (3, 2), (1, 1)])
def test_the_strategy_of_the_example_takes_the_middle(registry: Registry, depth: int, layer: int) -> None:
    context = LayerContext("bert", depth, 768, 6, 384)
    pairs = registry.layer_strategies.get("middle").thing.pairs(context)
    assert list(pairs) == [LayerPair(layer, 6)]
    check_pairs(pairs, context, "--layers middle")


# ---- teachers -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def electra(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small ELECTRA whose embeddings are narrower than its layers, as those of electra-small are."""
    torch.manual_seed(0)
    tokenizer = make_tokenizer("bert")
    config = ElectraConfig(
        vocab_size=len(tokenizer), embedding_size=16, hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=4,
        intermediate_size=40, max_position_embeddings=64, pad_token_id=tokenizer.pad_token_id, initializer_range=0.2,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("electra")
    ElectraModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def adapter(registry: Registry) -> TeacherAdapter:
    return registry.teachers.get("electra").thing


@pytest.mark.parametrize("layer", range(1, LAYERS + 1))
def test_the_cut_electra_gives_the_states_of_the_whole_one(electra: Path, adapter: TeacherAdapter, layer: int) -> None:
    whole = AutoModel.from_pretrained(electra).eval()
    seen: dict[str, torch.Tensor] = {}
    module = whole.encoder.layer[layer - 1]
    for name in ("query", "key", "value"):
        getattr(module.attention.self, name).register_forward_hook(
            lambda _module, _inputs, output, name=name: seen.update({name: output})
        )
    module.register_forward_pre_hook(lambda _module, inputs: seen.update(hidden=inputs[0]))
    texts = ["Salt, rope and tar.", "The harbour was quiet before noon.", "Gulls."]
    input_ids, attention_mask = padded(make_tokenizer("bert"), texts)
    with torch.no_grad():
        whole(input_ids=input_ids, attention_mask=attention_mask)

    needs = frozenset({"query", "key", "value", "hidden"})
    encoder = load_teacher(electra, whole.config, adapter, [layer], needs)
    tokens = PackedTokens.from_padded(input_ids, attention_mask, adapter.position_offset(whole.config))
    states = encoder(tokens)[layer]
    real = attention_mask.bool()
    for name, state in states.present():
        assert torch.allclose(state, seen[name][real], rtol=1e-4, atol=1e-5), name
    assert {name for name, _ in states.present()} == needs


def test_the_cut_electra_holds_nothing_above_the_layer(electra: Path, adapter: TeacherAdapter) -> None:
    config = AutoModel.from_pretrained(electra).config
    encoder = load_teacher(electra, config, adapter, [2], frozenset({"query", "key"}))
    of_layers = {name.split("encoder.layer.")[1] for name, _ in encoder.named_parameters() if "encoder.layer." in name}
    assert not any(name.startswith("2.") for name in of_layers)
    last = {f"1.attention.self.{kind}.{part}" for kind in ("query", "key") for part in ("weight", "bias")}
    assert {name for name in of_layers if name.startswith("1.")} == last


def test_the_student_of_an_electra_has_embeddings_of_its_own_width(electra: Path, adapter: TeacherAdapter) -> None:
    theirs = AutoModel.from_pretrained(electra).config
    config = cast(Any, adapter.student_config(theirs, StudentShape(2, 12, 3, 20)))
    assert (config.num_hidden_layers, config.hidden_size, config.embedding_size) == (2, 12, 12)
    assert (config.num_attention_heads, config.intermediate_size) == (3, 20)
    assert (config.vocab_size, config.max_position_embeddings) == (theirs.vocab_size, theirs.max_position_embeddings)
    student = ElectraModel(config).eval()
    assert not hasattr(student, "embeddings_project")
    assert student(input_ids=torch.tensor([[2, 7, 3]])).last_hidden_state.shape == (1, 3, 12)


def test_an_electra_is_distilled_with_all_three_examples(
    electra: Path, registry: Registry, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = DistillConfig(
        teacher=str(electra), student="2x12", student_heads=2, relations="query-key,hidden-cosine=0.5", layers="middle",
        data=(str(text),), max_length=32, batch_size=4, steps=2, device="cpu", output="run",
    )  # fmt: skip
    result = distill(config, registry)
    assert isinstance(result, DistillResult)
    assert result.plan.layers_in_words == "2 → 2"
    assert set(result.last_row) >= {"loss/query-key", "loss/hidden-cosine"}
    student = AutoModel.from_pretrained(result.student)
    assert type(student) is ElectraModel
    words = AutoTokenizer.from_pretrained(result.student)("The harbour was quiet.", return_tensors="pt")
    assert student(**words).last_hidden_state.shape == (1, words["input_ids"].shape[1], 12)


# ---- tasks --------------------------------------------------------------------------------------------------------


def test_the_task_of_the_example_is_learned_chosen_and_scored(
    registry: Registry, teacher: MakeTeacher, here: Path
) -> None:
    (here / "data").mkdir()
    lines = [f"the gull {n} is {('at rest', 'furious')[n % 2]}\t{('calm', 'angry')[n % 2]}" for n in range(24)]
    for split in ("train", "dev"):
        (here / "data" / f"{split}.tsv").write_text("\n".join(["text\tlabel", *lines]) + "\n")
    config = EvalConfig(
        model=str(teacher("bert")), data_dir="data", learning_rates=(3e-3,), epochs=(8,), seeds=(1,), max_length=40,
        batch_size=8, precision="fp32", output="out",
    )  # fmt: skip
    result = evaluate("tone", config, registry)
    assert result is not None
    assert result.content["scores"]["dev"]["f1"]["median"] > 90
    assert "example-reldistill-tasks" in result.content["plugin"]
