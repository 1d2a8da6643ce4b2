"""Each attention backend against the plain one, on ragged batches: values, gradients, dropout.

Shape letters: T tokens of the batch, h attention heads, d width of a head.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoConfig, AutoTokenizer

from conftest import MakeTeacher
from materialized_operator import MaterializedOperator, serve_as_backend
from reldistill import PackedTokens, Registry, StudentShape, relation_loss
from reldistill.distillation.student import new_student
from reldistill.encoder import load_teacher, student_encoder
from reldistill.encoder.attention import PackedAttention, Packing
from reldistill.encoder.attention import sdpa as sdpa_file
from reldistill.encoder.attention.eager import plain_attention
from reldistill.encoder.attention.flash import flash_attention_by
from reldistill.encoder.attention.native import native_attention
from reldistill.encoder.attention.sdpa import attention_by_runs, sdpa, varlen_attention
from reldistill.encoder.attention.xformers import attention_by
from tiny_models import FAMILIES, documents, padded

HEADS, WIDTH = 3, 5
RAGGED = [(7,), (1,), (11, 11, 11), (13, 7, 7, 7, 2, 1, 1), (2, 13, 2, 7), (1, 1, 1)]
Heads = tuple[Tensor, Tensor, Tensor]


def plain_varlen(
    q: Tensor, k: Tensor, v: Tensor, cu_seqlens_q: Tensor, cu_seqlens_k: Tensor, max_seqlen_q: int, max_seqlen_k: int,
    *, dropout_p: float, softmax_scale: float, window_size: tuple[int, int] = (-1, -1),
) -> Tensor:  # fmt: skip
    """flash-attn's signature, ``[T, h, d]`` each, with the plain attention; what it is told must fit together."""
    assert torch.equal(cu_seqlens_q, cu_seqlens_k)
    lengths = tuple(cu_seqlens_q.diff().tolist())
    assert max_seqlen_q == max_seqlen_k == max(lengths)
    query, key, value = (tensor.transpose(0, 1)[None] for tensor in (q, k, v))
    assert window_size[0] == window_size[1]
    packing = Packing.of(lengths).within(None if window_size == (-1, -1) else window_size[0])
    return plain_attention(query, key, value, packing, softmax_scale, dropout_p)[0]


BACKENDS = {
    "sdpa": sdpa,
    "sdpa by runs": attention_by_runs,
    "xformers": attention_by(MaterializedOperator()),
    "flash_attention_2": flash_attention_by(lambda: plain_varlen),
}


def random_heads(lengths: tuple[int, ...], *, dtype: torch.dtype = torch.float64, seed: int = 0) -> Heads:
    """Query, key and value ``[1, h, T, d]``, views of ``[1, T, h * d]`` as a model's projections give them."""
    generator = torch.Generator().manual_seed(seed)
    states = [torch.randn(1, sum(lengths), HEADS * WIDTH, generator=generator).to(dtype) for _ in range(3)]
    query, key, value = (state.view(1, -1, HEADS, WIDTH).transpose(1, 2).requires_grad_() for state in states)
    return query, key, value


@pytest.mark.parametrize("attend", BACKENDS.values(), ids=BACKENDS)
@pytest.mark.parametrize("lengths", RAGGED, ids=str)
def test_values_and_gradients_equal_the_plain_ones(attend: PackedAttention, lengths: tuple[int, ...]) -> None:
    states, scale = random_heads(lengths), 0.37
    towards = torch.randn(1, sum(lengths), HEADS, WIDTH, dtype=torch.float64)
    found, expected = (one(*states, Packing.of(lengths), scale, 0.0) for one in (attend, plain_attention))
    assert found.shape == (1, sum(lengths), HEADS, WIDTH)
    torch.testing.assert_close(found, expected)
    gradients, plain = (torch.autograd.grad(output, states, towards) for output in (found, expected))
    torch.testing.assert_close(gradients, plain)


def masked_attention(states: Heads, lengths: tuple[int, ...], reach: int, scale: float) -> Tensor:
    """One softmax over all tokens of the batch, with a mask that says which of them see each other."""
    query, key, value = states
    sequence = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    place = torch.arange(sum(lengths))
    seen = (sequence[:, None] == sequence) & ((place[:, None] - place).abs() <= reach)
    logits = (query @ key.mT * scale).masked_fill(~seen, float("-inf"))
    return (logits.softmax(-1) @ value).transpose(1, 2)


@pytest.mark.parametrize(
    "attend", [*BACKENDS.values(), plain_attention, native_attention], ids=[*BACKENDS, "eager", "native"]
)
@pytest.mark.parametrize("reach", [0, 1, 3, 6, 12, 50])
@pytest.mark.parametrize("lengths", RAGGED, ids=str)
def test_a_window_is_the_mask_of_those_within_reach(
    attend: PackedAttention, lengths: tuple[int, ...], reach: int
) -> None:
    dtype = torch.float32 if attend is native_attention else torch.float64
    states, scale = random_heads(lengths, dtype=dtype), 0.37
    towards = torch.randn(1, sum(lengths), HEADS, WIDTH, dtype=dtype)
    found = attend(*states, Packing.of(lengths).within(reach), scale, 0.0)
    expected = masked_attention(states, lengths, reach, scale)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    gradients, plain = (torch.autograd.grad(output, states, towards) for output in (found, expected))
    torch.testing.assert_close(gradients, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "attend", [*BACKENDS.values(), plain_attention, native_attention], ids=[*BACKENDS, "eager", "native"]
)
def test_dropout_falls_on_the_probabilities_within_a_window(attend: PackedAttention) -> None:
    lengths = (40, 40, 30)
    query, key, value = random_heads(lengths, dtype=torch.float32)
    packing = Packing.of(lengths).within(9)
    torch.manual_seed(0)
    rows = attend(query, key, torch.ones_like(value), packing, 0.1, 0.4)[..., 0]
    assert rows.std() > 0.05
    assert abs(rows.mean() - 1) < 0.1


def test_a_window_wider_than_all_sequences_is_none_and_one_serves_all_layers() -> None:
    packing = Packing.of((7, 3))
    assert packing.within(None) is packing.within(6) is packing
    assert packing.within(5).reach == 5
    assert packing.within(5) is packing.within(5)


@pytest.mark.parametrize("attend", BACKENDS.values(), ids=BACKENDS)
def test_in_bf16_they_agree_with_fp64_to_its_rounding(attend: PackedAttention) -> None:
    lengths = RAGGED[3]
    half = random_heads(lengths, dtype=torch.bfloat16)
    query, key, value = (state.double() for state in half)
    exact = plain_attention(query, key, value, Packing.of(lengths), 0.37, 0.0)
    found = attend(*half, Packing.of(lengths), 0.37, 0.0)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.double(), exact, rtol=0.03, atol=0.03)


@pytest.mark.parametrize("attend", [*BACKENDS.values(), plain_attention], ids=[*BACKENDS, "eager"])
def test_no_sequence_sees_another(attend: PackedAttention) -> None:
    lengths = (7, 7, 5)
    query, key, value = random_heads(lengths)
    before = attend(query, key, value, Packing.of(lengths), 0.5, 0.0)
    with torch.no_grad():
        for state in (query, key, value):
            state[:, :, 7:14] = 9.0
    after = attend(query, key, value, Packing.of(lengths), 0.5, 0.0)
    assert not torch.equal(after[:, 7:14], before[:, 7:14])
    assert torch.equal(after[:, :7], before[:, :7])
    assert torch.equal(after[:, 14:], before[:, 14:])


@pytest.mark.parametrize("attend", [*BACKENDS.values(), plain_attention], ids=[*BACKENDS, "eager"])
def test_dropout_falls_on_the_probabilities(attend: PackedAttention) -> None:
    """Of values that are all 1 a row gives the sum of its probabilities: 1 without dropout, about 1 on average with it."""
    lengths = (40, 40, 30)
    query, key, value = random_heads(lengths)
    torch.manual_seed(0)
    rows = attend(query, key, torch.ones_like(value), Packing.of(lengths), 0.1, 0.4)[..., 0]
    assert rows.std() > 0.05
    assert abs(rows.mean() - 1) < 0.05


def test_one_mask_serves_all_layers_of_a_pass(teacher: MakeTeacher, monkeypatch: pytest.MonkeyPatch) -> None:
    operator = MaterializedOperator()
    attention = serve_as_backend(operator, monkeypatch)
    folder = teacher("bert", layers=3)
    config, tokenizer = AutoConfig.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    encoder = load_teacher(
        folder, config, Registry.installed().teachers.get("bert").thing, [3], frozenset({"query"}), attention=attention
    )
    for passes in (1, 2):
        encoder(PackedTokens.from_padded(*padded(tokenizer, documents(3)), 0))
        assert operator.masks == passes


@pytest.mark.parametrize("attention", ["sdpa", "native", "materialized"])
@pytest.mark.parametrize("family", [*FAMILIES, "modernbert"])
def test_a_student_gets_the_same_gradients(
    teacher: MakeTeacher, family: str, attention: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_as_backend(MaterializedOperator(), monkeypatch)
    registry = Registry.installed()
    adapter = registry.teachers.get(family).thing
    relations = {registry.relations.get(name).thing: 1.0 for name in ("qq", "kv")}
    needs = frozenset({"query", "key", "value"})
    folder = teacher(family, layers=3)
    config, tokenizer = AutoConfig.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    model = new_student(adapter.student_config(config, StudentShape(2, 12, 3)), seed=1).eval()
    packed = PackedTokens.from_padded(*padded(tokenizer, [*documents(4), "Salt"]), adapter.position_offset(config))
    with torch.no_grad():
        target = load_teacher(folder, config, adapter, [3], needs, attention="eager")(packed)[3]
    found = {}
    for name in (attention, "eager"):
        student = student_encoder(model, adapter, [2], needs, attention=name)
        student.zero_grad()
        relation_loss(target, student(packed)[2], relations, 6).total.backward()
        found[name] = {key: parameter.grad for key, parameter in student.named_parameters()}
    torch.testing.assert_close(found[attention], found["eager"], rtol=1e-4, atol=1e-6)


def test_varlen_attention_calls_torchs_own_as_it_is_defined() -> None:
    """On meta tensors: the real signature and its shapes, without the GPU that the kernel needs."""
    if sdpa_file.varlen_attn is None:
        pytest.skip("torch.nn.attention.varlen is not in this torch")
    state = torch.empty(1, HEADS, 9, 8, dtype=torch.bfloat16, device="meta")
    output = varlen_attention(state, state, state, Packing.of((6, 3), "meta"), 0.5, 0.0)
    assert output.shape == (1, 9, HEADS, 8)


def test_varlen_attention_hands_over_ends_longest_and_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_dropout(*arguments: Any, scale: float) -> Tensor:
        return plain_varlen(*arguments, dropout_p=0.0, softmax_scale=scale)

    monkeypatch.setattr(sdpa_file, "varlen_attn", without_dropout)
    states, packing = random_heads(RAGGED[3]), Packing.of(RAGGED[3])
    torch.testing.assert_close(
        varlen_attention(*states, packing, 0.37, 0.0), plain_attention(*states, packing, 0.37, 0.0)
    )
