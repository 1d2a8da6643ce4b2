"""The compiled attention against the plain one: values, gradients, and dropout that comes again after the same seed.

Shape letters: T tokens of the batch, h attention heads, d width of a head.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from reldistill import UsageError
from reldistill.encoder import resolve_attention
from reldistill.encoder.attention import Packing
from reldistill.encoder.attention.eager import plain_attention
from reldistill.encoder.attention.native import native_attention

RAGGED = [(7,), (1,), (11, 11, 11), (70, 13, 2, 1), (2, 13, 2, 140)]
SHAPES = [(3, 5), (1, 16), (2, 24)]


def random_heads(
    lengths: tuple[int, ...], heads: int, width: int, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor, Tensor]:
    """Query, key and value ``[1, h, T, d]``, views of ``[1, T, h * d]`` as a model's projections give them."""
    generator = torch.Generator().manual_seed(0)
    states = [torch.randn(1, sum(lengths), heads * width, generator=generator).to(dtype) for _ in range(3)]
    query, key, value = (state.view(1, -1, heads, width).transpose(1, 2).requires_grad_() for state in states)
    return query, key, value


@pytest.mark.parametrize(("heads", "width"), SHAPES)
@pytest.mark.parametrize("lengths", RAGGED, ids=str)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.02)], ids=str)
def test_values_and_gradients_equal_the_plain_ones(
    lengths: tuple[int, ...], heads: int, width: int, dtype: torch.dtype, tolerance: float
) -> None:
    states = random_heads(lengths, heads, width, dtype)
    exact = [state.detach().double().requires_grad_() for state in states]
    towards = torch.randn(1, sum(lengths), heads, width).to(dtype)
    packing = Packing.of(lengths)
    found = native_attention(*states, packing, 0.37, 0.0)
    expected = plain_attention(exact[0], exact[1], exact[2], packing, 0.37, 0.0)
    assert found.dtype is dtype
    torch.testing.assert_close(found.double(), expected, rtol=tolerance, atol=tolerance)
    gradients = torch.autograd.grad(found, states, towards)
    for gradient, other in zip(gradients, torch.autograd.grad(expected, exact, towards.double()), strict=True):
        assert gradient.dtype is dtype
        torch.testing.assert_close(gradient.double(), other, rtol=tolerance, atol=2 * tolerance)


def test_a_second_derivative_is_refused_instead_of_zero() -> None:
    states = random_heads((7, 3), 2, 8)
    output = native_attention(*states, Packing.of((7, 3)), 0.5, 0.0)
    gradient, *_ = torch.autograd.grad(output.square().sum(), states, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_no_sequence_sees_another() -> None:
    lengths, (query, key, value) = (7, 7, 5), random_heads((7, 7, 5), 2, 8)
    before = native_attention(query, key, value, Packing.of(lengths), 0.5, 0.0)
    with torch.no_grad():
        for state in (query, key, value):
            state[:, :, 7:14] = 9.0
    after = native_attention(query, key, value, Packing.of(lengths), 0.5, 0.0)
    assert not torch.equal(after[:, 7:14], before[:, 7:14])
    assert torch.equal(after[:, :7], before[:, :7])
    assert torch.equal(after[:, 14:], before[:, 14:])


def test_the_gradient_with_dropout_is_that_of_what_was_kept() -> None:
    """What was kept is read off by averaging unit vectors; the plain formula with it must give the same gradient."""
    tokens, (query, key, value) = 24, random_heads((24,), 2, 24)
    packing, towards = Packing.of((tokens,)), torch.randn(1, tokens, 2, 24)
    torch.manual_seed(5)
    units = torch.eye(tokens).expand(1, 2, tokens, tokens)
    kept = native_attention(torch.zeros_like(query), key, units, packing, 1.0, 0.3).transpose(1, 2) * tokens
    assert ((kept == 0) | ((kept - 1 / 0.7).abs() < 1e-4)).all()
    assert 0 < int((kept == 0).sum()) < kept.numel() / 2
    torch.manual_seed(5)
    found = native_attention(query, key, value, packing, 0.4, 0.3)
    expected = ((torch.softmax(query @ key.mT * 0.4, dim=-1) * kept) @ value).transpose(1, 2)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    gradients, plain = (torch.autograd.grad(output, (query, key, value), towards) for output in (found, expected))
    torch.testing.assert_close(gradients, plain, rtol=1e-4, atol=1e-5)


def test_dropout_comes_again_after_the_same_seed_on_any_number_of_threads() -> None:
    states, packing, threads = random_heads((40, 9), 3, 8), Packing.of((40, 9)), torch.get_num_threads()
    found = []
    try:
        for number, seed in ((1, 3), (2, 3), (1, 4)):
            torch.set_num_threads(number)
            torch.manual_seed(seed)
            output = native_attention(*states, packing, 0.3, 0.2)
            found.append((output, *torch.autograd.grad(output.sum(), states)))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(one, other) for one, other in zip(found[0], found[1], strict=True))
    assert not torch.equal(found[0][0], found[2][0])


def test_without_dropout_it_draws_nothing_from_the_generator() -> None:
    state = torch.get_rng_state()
    native_attention(*random_heads((9,), 2, 8), Packing.of((9,)), 0.3, 0.0)
    assert torch.equal(torch.get_rng_state(), state)


def test_half_precision_of_ieee_is_refused_and_left_to_sdpa() -> None:
    cpu = torch.device("cpu")
    assert resolve_attention("auto", cpu, torch.float16) == "sdpa"
    with pytest.raises(UsageError, match="it takes fp32 and bf16, not float16"):
        resolve_attention("native", cpu, torch.float16)
