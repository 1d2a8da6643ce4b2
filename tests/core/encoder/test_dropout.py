"""Dropout on a CPU: torch's own in all but its random numbers."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from reldistill.encoder.dropout import NativeDropout, use_native_dropout


def dropped(values: Tensor, share: float = 0.1, seed: int = 0) -> Tensor:
    torch.manual_seed(seed)
    result: Tensor = NativeDropout(share)(values)
    return result


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("shape", [(1, 300, 48), (40, 7), (2, 5, 3, 33), (500,)], ids=str)
def test_what_is_left_and_its_gradient(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    values = (torch.rand(shape) + 1).to(dtype).requires_grad_()
    left = dropped(values)
    assert left.dtype is dtype
    assert left.shape == values.shape
    kept = left != 0
    torch.testing.assert_close(left, torch.where(kept, values / 0.9, torch.zeros_like(values)))
    slope = (torch.rand(shape) + 1).to(dtype)
    (gradient,) = torch.autograd.grad(left, values, slope)
    torch.testing.assert_close(gradient, torch.where(kept, slope / 0.9, torch.zeros_like(slope)))
    spread = math.sqrt(0.09 * values.numel())
    assert abs(int((~kept).sum()) - 0.1 * values.numel()) < 5 * spread


def test_the_seed_of_torch_decides_and_each_call_draws_anew() -> None:
    values = torch.ones(64, 64)
    assert torch.equal(dropped(values), dropped(values))
    assert not torch.equal(dropped(values, seed=1), dropped(values, seed=2))
    torch.manual_seed(0)
    module = NativeDropout(0.5)
    assert not torch.equal(module(values), module(values))


def test_the_number_of_threads_changes_nothing() -> None:
    values, before = torch.ones(500, 33), torch.get_num_threads()
    found = []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        try:
            found.append(dropped(values))
        finally:
            torch.set_num_threads(before)
    assert torch.equal(*found)


def test_memory_that_does_not_lie_in_order() -> None:
    values = (torch.rand(33, 40) + 1).t().requires_grad_()
    left = dropped(values)
    (gradient,) = torch.autograd.grad(left.sum(), values)  # an expanded slope
    torch.testing.assert_close(gradient, torch.where(left != 0, torch.full_like(values, 1 / 0.9), 0.0))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_ends_of_the_range_are_those_of_torch(share: float) -> None:
    values = torch.rand(5, 5)
    assert torch.equal(dropped(values, share), nn.Dropout(share)(values))


def test_evaluation_and_other_dtypes_are_torchs_own() -> None:
    values = torch.rand(5, 5)
    assert torch.equal(NativeDropout(0.5).eval()(values), values)
    assert dropped(values.double(), 0.5).dtype is torch.float64
    assert dropped(torch.rand(0, 4)).shape == (0, 4)
    assert dropped(torch.rand(4, 0)).shape == (4, 0)


def test_a_second_derivative_is_refused_instead_of_zero() -> None:
    values = torch.rand(5, 5, requires_grad=True)
    (gradient,) = torch.autograd.grad(dropped(values).square().sum(), values, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_it_takes_the_place_of_plain_dropouts_alone() -> None:
    class Own(nn.Dropout):
        """Somebody's own."""

    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Dropout(0.25), Own(0.5))).eval()
    use_native_dropout(model)
    inner = model[1]
    assert isinstance(inner, nn.Sequential)
    plain, own = inner
    assert isinstance(plain, NativeDropout)
    assert plain.p == 0.25
    assert not plain.training
    assert type(own) is Own
