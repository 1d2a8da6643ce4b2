"""What ModernBERT has otherwise than BERT: windows, rotations, norms before, one matrix of three projections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoConfig, AutoModel, ModernBertConfig

from conftest import MakeTeacher
from reldistill import FusedPart, PackedTokens, Registry, StudentShape, UsageError, relation_loss
from reldistill.distillation.student import new_student
from reldistill.encoder import load_teacher, student_encoder
from reldistill.states import cumulative_lengths
from reldistill_plugins.teachers.modernbert import MODERNBERT
from tiny_models import WINDOW

LAYERS = 6
EVERYTHING = frozenset({"query", "key", "value", "hidden"})
LENGTHS = (60, 2 * WINDOW + 1, WINDOW + 2, WINDOW + 1, 1)
"""Longer than a window to both sides, just so long, just longer than one side, and not longer."""


@pytest.fixture
def folder(teacher: MakeTeacher) -> Path:
    return teacher("modernbert", layers=LAYERS)


def packed(lengths: tuple[int, ...] = LENGTHS, seed: int = 0) -> PackedTokens:
    ids = torch.randint(5, 400, (sum(lengths),), generator=torch.Generator().manual_seed(seed))
    positions = torch.cat([torch.arange(length) for length in lengths])
    return PackedTokens(ids, positions, cumulative_lengths(lengths), lengths)


def inputs_of_layers(folder: Path, tokens: PackedTokens, config: Any = None) -> list[Tensor]:
    """Each layer's input ``[T, width]``, by transformers' own eager attention, a sequence at a time."""
    model = AutoModel.from_pretrained(folder, config=config, attn_implementation="eager").eval()
    with torch.no_grad():
        each = [
            model(ids[None], output_hidden_states=True).hidden_states for ids in tokens.input_ids.split(tokens.lengths)
        ]
    return [torch.cat([states[layer][0] for states in each]) for layer in range(LAYERS)]


# ---- the teacher --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attention", ["native", "sdpa", "eager"])
def test_sequences_longer_than_a_window_have_the_states_that_transformers_gives(folder: Path, attention: str) -> None:
    tokens, config = packed(), AutoConfig.from_pretrained(folder)
    expected = inputs_of_layers(folder, tokens)
    layers = list(range(1, LAYERS + 1))
    encoder = load_teacher(folder, config, MODERNBERT, layers, EVERYTHING, attention=attention)
    with torch.no_grad():
        states = encoder(tokens)
    for layer in layers:
        torch.testing.assert_close(states[layer].require("hidden"), expected[layer - 1], rtol=1e-4, atol=1e-4)


def test_without_its_windows_the_teacher_would_be_another(folder: Path) -> None:
    """What makes the test above one of windows."""
    tokens, wide = packed(), AutoConfig.from_pretrained(folder)
    wide.local_attention = 1000
    with_windows, without = inputs_of_layers(folder, tokens), inputs_of_layers(folder, tokens, wide)
    differing = [not torch.allclose(one, other, atol=1e-2) for one, other in zip(with_windows, without, strict=True)]
    assert differing == [
        False,
        False,
        True,
        True,
        True,
        True,
    ]  # layers 2 and 3 have windows, the inputs of 3 and 4 tell


def test_projections_are_taken_before_any_rotation(folder: Path) -> None:
    """Below the first layer nothing knows where a token stands: the same token then has the same projections anywhere."""
    token = torch.full((9,), 77)
    tokens = PackedTokens(token, torch.arange(9), cumulative_lengths((9,)), (9,))
    with torch.no_grad():
        states = load_teacher(folder, AutoConfig.from_pretrained(folder), MODERNBERT, [1], EVERYTHING)(tokens)[1]
    for name, state in states.present():
        assert torch.equal(state, state[:1].expand_as(state)), name


@pytest.mark.parametrize("layer", [1, 4])
def test_the_parts_are_what_the_layers_own_attention_takes_apart(folder: Path, layer: int) -> None:
    """Rotated and attended to by hand, they give the output of the layer's attention."""
    model: Any = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    seen: dict[str, Tensor] = {}
    found = MODERNBERT.projections(model, layer)
    for kind in ("query", "key", "value"):
        found.listen(kind, lambda state, kind=kind: seen.update({kind: state[0]}))  # type: ignore[misc]
    model.layers[layer - 1].attn.Wo.register_forward_pre_hook(lambda _module, inputs: seen.update(out=inputs[0][0]))
    ids, heads = packed((40,)).input_ids[None], model.config.num_attention_heads
    with torch.no_grad():
        model(ids)
        cos, sin = model.rotary_emb(seen["query"][None], torch.arange(40)[None], "full_attention")
    query, key, value = (seen[kind].unflatten(-1, (heads, -1)).transpose(0, 1) for kind in ("query", "key", "value"))

    def rotated(state: Tensor) -> Tensor:
        left, right = state.chunk(2, dim=-1)
        turned: Tensor = state * cos[0] + torch.cat((-right, left), dim=-1) * sin[0]
        return turned

    weights = (rotated(query) @ rotated(key).mT / query.shape[-1] ** 0.5).softmax(-1)
    torch.testing.assert_close((weights @ value).transpose(0, 1).flatten(1), seen["out"], rtol=1e-4, atol=1e-4)


def test_what_the_layer_does_not_need_is_not_in_memory(folder: Path) -> None:
    config = AutoConfig.from_pretrained(folder)
    for needs, last in (
        (frozenset({"query"}), {"attn_norm.weight", "attn.Wqkv.weight"}),
        (frozenset({"hidden"}), set()),
    ):
        encoder = load_teacher(folder, config, MODERNBERT, [3], needs)
        names = {name.removeprefix("model.") for name, _ in encoder.named_parameters()}
        assert {name.removeprefix("layers.2.") for name in names if name.startswith("layers.2.")} == last
        assert not any(name.startswith(("layers.3.", "final_norm")) for name in names)
        assert "layers.0.attn_norm.weight" not in names  # the first has none
        assert "layers.1.mlp.Wo.weight" in names


# ---- the student --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layers", "kinds"), [(1, "f"), (2, "fs"), (6, "fssfss"), (9, "fssfssfss"), (24, "fss" * 8)], ids=str
)
def test_a_student_has_the_teachers_order_of_windows(layers: int, kinds: str) -> None:
    config: Any = MODERNBERT.student_config(ModernBertConfig(num_hidden_layers=8), StudentShape(layers, 24, 4))
    assert "".join(kind[0] for kind in config.layer_types) == kinds


def test_a_student_has_its_sizes_the_papers_dropout_and_the_teachers_rotations() -> None:
    ropes = {
        "full_attention": {"rope_type": "default", "rope_theta": 7e4},
        "sliding_attention": {"rope_type": "default", "rope_theta": 3e3},
    }
    theirs = ModernBertConfig(local_attention=40, rope_parameters=ropes, max_position_embeddings=99)  # type: ignore[arg-type]
    config: Any = MODERNBERT.student_config(theirs, StudentShape(3, 60, 5, 77))
    found = (config.num_hidden_layers, config.hidden_size, config.num_attention_heads, config.intermediate_size)
    assert found == (3, 60, 5, 77)
    assert (config.embedding_dropout, config.attention_dropout, config.mlp_dropout) == (0.1, 0.1, 0.1)
    assert (config.local_attention, config.rope_parameters, config.max_position_embeddings) == (40, ropes, 99)
    assert AutoModel.from_config(config).layers[0].mlp.Wi.weight.shape == (2 * 77, 60)


def test_heads_of_an_odd_width_are_refused_with_those_that_fit() -> None:
    with pytest.raises(UsageError, match="would be 5 wide, which is odd") as caught:
        MODERNBERT.student_config(ModernBertConfig(), StudentShape(2, 60, 12))
    assert caught.value.hint == "These fit: 1, 2, 3, 5, 6, 10, 15, 30."


def test_rows_that_no_relation_reads_get_a_gradient_of_zero_and_the_rest_one(folder: Path) -> None:
    """So that no parameter that is trained is ever without one, which processes that train together could not bear."""
    config, qq = AutoConfig.from_pretrained(folder), Registry.installed().relations.get("qq").thing
    model: Any = new_student(MODERNBERT.student_config(config, StudentShape(3, 24, 4)), 0)
    ours = student_encoder(model, MODERNBERT, [3], frozenset({"query"}))
    theirs = load_teacher(folder, config, MODERNBERT, [LAYERS], frozenset({"query"}))
    tokens = packed()
    relation_loss(theirs(tokens)[LAYERS], ours(tokens)[3], {qq: 1.0}, 6).total.backward()
    assert all(parameter.grad is not None for parameter in ours.parameters())
    gradient = model.layers[2].attn.Wqkv.weight.grad
    assert bool((gradient[:24] != 0).any())
    assert not bool((gradient[24:] != 0).any())
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    tail = {f"layers.2.{part}.weight" for part in ("attn.Wo", "mlp_norm", "mlp.Wi", "mlp.Wo")}
    assert frozen == tail | {"final_norm.weight"}


# ---- the contract -------------------------------------------------------------------------------------------------


def test_the_projections_are_parts_of_one_module(folder: Path) -> None:
    model: Any = AutoModel.from_pretrained(folder)
    found, fused = MODERNBERT.projections(model, 2), model.layers[1].attn.Wqkv
    assert (found.query, found.key, found.value) == (
        FusedPart(fused, 0, 24),
        FusedPart(fused, 24, 48),
        FusedPart(fused, 48, 72),
    )
    assert found.modules == {"query": fused, "key": fused, "value": fused}
    assert found.layer is model.layers[1]
