"""The states of a cut encoder against those that hooks on the whole transformers model give."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedModel

from conftest import MakeTeacher
from materialized_operator import MaterializedOperator, serve_as_backend
from reldistill import CheckpointError, PackedTokens
from reldistill.encoder import load_teacher
from reldistill.encoder.attention import Packing
from tiny_models import BERT_SHAPED, FROM_ZERO, SHAPES, adapter_of, documents, padded

KINDS = ("query", "key", "value", "hidden")
EVERYTHING = frozenset(KINDS)
LAYERS = 3
NORMS = {"roberta-prelayernorm": "attention.LayerNorm", "xlm-r-xl": "attention.self_attn_layer_norm"}
"""Of the pre-norm families, the norm between a layer's input and its projections."""


def states_of_whole_model(folder: Path, family: str, inputs: dict[str, Tensor]) -> dict[tuple[int, str], Tensor]:
    """(layer, kind) -> ``[rows, longest, width]``, by hooks on the model that transformers loads."""
    model: PreTrainedModel = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    seen: dict[tuple[int, str], Tensor] = {}

    def keep_output(key: tuple[int, str], _module: nn.Module, _inputs: Any, output: Tensor) -> None:
        seen[key] = output.detach()

    def keep_input(key: tuple[int, str], _module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen[key] = inputs[0].detach()

    parts: Any = model
    fused = family == "modernbert"
    for layer, module in enumerate(parts.layers if fused else parts.encoder.layer, start=1):
        if fused:
            module.attn.Wqkv.register_forward_hook(partial(keep_output, (layer, "fused")))
        else:
            for kind in KINDS[:3]:
                getattr(module.attention.self, kind).register_forward_hook(partial(keep_output, (layer, kind)))
        module.register_forward_pre_hook(partial(keep_input, (layer, "hidden")))
    with torch.no_grad():
        model(**inputs)
    for layer, _ in [key for key in seen if key[1] == "fused"]:
        seen |= zip(((layer, kind) for kind in KINDS[:3]), seen.pop((layer, "fused")).chunk(3, dim=-1), strict=True)
    return seen


@pytest.mark.parametrize("attention", ["native", "sdpa", "eager", "materialized"])
@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("family", SHAPES)
def test_states_equal_the_whole_models_in_every_layer(
    teacher: MakeTeacher, family: str, side: str, attention: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_as_backend(MaterializedOperator(), monkeypatch)
    folder = teacher(family, layers=LAYERS)
    config, tokenizer = AutoConfig.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    texts = [*(documents(9)[k][: 40 + 90 * k] for k in (0, 1, 2)), "Salt"]
    input_ids, attention_mask = padded(tokenizer, texts, side=side)
    packed = PackedTokens.from_padded(input_ids, attention_mask, adapter_of(family).position_offset(config))
    inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
    if family in FROM_ZERO and side == "left":
        # Their own positions count padding on the left; ours do not, so the whole model is told them.
        inputs["position_ids"] = (inputs["attention_mask"].cumsum(1) - 1).clamp(min=0)
    expected = states_of_whole_model(folder, family, inputs)
    real = inputs["attention_mask"].bool()
    for layer in range(1, LAYERS + 1):
        encoder = load_teacher(folder, config, adapter_of(family), [layer], EVERYTHING, attention=attention)
        with torch.no_grad():
            states = encoder(packed)[layer]
        for kind in KINDS:
            torch.testing.assert_close(states.require(kind), expected[layer, kind][real], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", SHAPES)
def test_a_packed_batch_gives_the_states_of_one_sequence_at_a_time(teacher: MakeTeacher, family: str) -> None:
    folder = teacher(family, layers=LAYERS)
    config, tokenizer = AutoConfig.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    offset = adapter_of(family).position_offset(config)
    encoder = load_teacher(folder, config, adapter_of(family), [LAYERS], EVERYTHING)
    texts = documents(5)
    with torch.no_grad():
        together = encoder(PackedTokens.from_padded(*padded(tokenizer, texts), offset))[LAYERS]
        for text, (start, end) in zip(texts, together.spans(), strict=True):
            alone = encoder(PackedTokens.from_padded(*padded(tokenizer, [text]), offset))[LAYERS]
            for kind in KINDS:
                torch.testing.assert_close(together.require(kind)[start:end], alone.require(kind), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", [family for family in SHAPES if family not in FROM_ZERO])
def test_positions_begin_behind_the_padding_id(teacher: MakeTeacher, family: str) -> None:
    folder = teacher(family, layers=LAYERS)
    tokenizer, config = AutoTokenizer.from_pretrained(folder), AutoConfig.from_pretrained(folder)
    packed = PackedTokens.from_padded(*padded(tokenizer, ["Salt", "Rope"]), adapter_of(family).position_offset(config))
    first, second = packed.lengths
    begin = config.pad_token_id + 1
    assert packed.position_ids.tolist() == [*range(begin, begin + first), *range(begin, begin + second)]


@pytest.mark.parametrize("family", BERT_SHAPED)
def test_what_the_layer_does_not_need_is_not_in_memory(teacher: MakeTeacher, family: str) -> None:
    folder = teacher(family, layers=LAYERS)
    config = AutoConfig.from_pretrained(folder)
    encoder = load_teacher(folder, config, adapter_of(family), [2], frozenset({"query"}))
    names = {name.removeprefix("model.") for name, _ in encoder.named_parameters()}
    assert not any("layer.2." in name or "pooler" in name for name in names)
    above = {name for name in names if "encoder.layer.1." in name}
    modules = ["attention.self.query", *([NORMS[family]] if family in NORMS else [])]
    assert above == {f"encoder.layer.1.{module}.{part}" for module in modules for part in ("weight", "bias")}
    assert not any(name.startswith(("encoder.LayerNorm", "LayerNorm")) for name in names)
    assert any("encoder.layer.0.output" in name for name in names)


def test_several_layers_come_from_one_pass(teacher: MakeTeacher) -> None:
    folder = teacher("bert", layers=LAYERS)
    config, tokenizer = AutoConfig.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    packed = PackedTokens.from_padded(*padded(tokenizer, documents(3)), 0)
    together = load_teacher(folder, config, adapter_of("bert"), [1, 3], EVERYTHING)
    with torch.no_grad():
        states = together(packed)
        for layer in (1, 3):
            alone = load_teacher(folder, config, adapter_of("bert"), [layer], EVERYTHING)(packed)[layer]
            for kind in KINDS:
                assert torch.equal(states[layer].require(kind), alone.require(kind))


def test_attention_without_lengths_raises_instead_of_mixing_sequences(teacher: MakeTeacher) -> None:
    folder = teacher("bert", layers=LAYERS)
    encoder = load_teacher(folder, AutoConfig.from_pretrained(folder), adapter_of("bert"), [LAYERS], EVERYTHING)
    with pytest.raises(ValueError, match="sequences would see each other"):
        encoder.model(input_ids=torch.tensor([[5, 6, 7]]))
    with pytest.raises(ValueError, match="sequences would see each other"):
        encoder.model(input_ids=torch.tensor([[5, 6]]), attention_mask=torch.tensor([[1, 0]]), packing=Packing.of((2,)))


def test_checkpoints_with_a_head_and_names_of_old_load_too(teacher: MakeTeacher, tmp_path: Path) -> None:
    """The Hub's BERT has weights under ``bert.``, LayerNorm's as gamma and beta, and a head that nobody needs here."""
    folder = teacher("bert", layers=LAYERS)
    old = {
        "bert." + name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
        for name, value in load_file(folder / "model.safetensors").items()
    }
    shutil.copytree(folder, tmp_path / "old")
    save_file(old | {"cls.predictions.bias": torch.zeros(7)}, tmp_path / "old" / "model.safetensors", {"format": "pt"})
    config, tokenizer = AutoConfig.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    packed = PackedTokens.from_padded(*padded(tokenizer, documents(3)), 0)
    with torch.no_grad():
        one, two = (
            load_teacher(path, config, adapter_of("bert"), [2], EVERYTHING)(packed)[2]
            for path in (folder, tmp_path / "old")
        )
    assert torch.equal(one.require("query"), two.require("query"))


def test_a_checkpoint_that_lacks_a_weight_is_refused_by_name(teacher: MakeTeacher, tmp_path: Path) -> None:
    folder = teacher("bert", layers=LAYERS)
    shutil.copytree(folder, tmp_path / "broken")
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.attention.self.key.bias"]
    save_file(weights, tmp_path / "broken" / "model.safetensors", {"format": "pt"})
    config = AutoConfig.from_pretrained(folder)
    load_teacher(tmp_path / "broken", config, adapter_of("bert"), [1], EVERYTHING)
    with pytest.raises(CheckpointError, match=r"lacks 1 .* encoder\.layer\.1\.attention\.self\.key\.bias"):
        load_teacher(tmp_path / "broken", config, adapter_of("bert"), [2], EVERYTHING)


def test_a_truncated_file_of_weights_is_a_checkpoint_error(teacher: MakeTeacher, tmp_path: Path) -> None:
    folder = teacher("bert", layers=LAYERS)
    shutil.copytree(folder, tmp_path / "cut")
    whole = (folder / "model.safetensors").read_bytes()
    (tmp_path / "cut" / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_teacher(tmp_path / "cut", AutoConfig.from_pretrained(folder), adapter_of("bert"), [2], EVERYTHING)


@pytest.mark.parametrize("kept", [0, 0.5])
def test_a_truncated_or_empty_pickle_of_weights_is_a_checkpoint_error(
    teacher: MakeTeacher, tmp_path: Path, kept: float
) -> None:
    folder = teacher("bert", layers=LAYERS)
    shutil.copytree(folder, tmp_path / "old", ignore=shutil.ignore_patterns("*.safetensors"))
    torch.save(load_file(folder / "model.safetensors"), tmp_path / "whole.bin")
    whole = (tmp_path / "whole.bin").read_bytes()
    (tmp_path / "old" / "pytorch_model.bin").write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_teacher(tmp_path / "old", AutoConfig.from_pretrained(folder), adapter_of("bert"), [2], EVERYTHING)
