"""Each check of a relation is seen to fail, by a relation that is wrong in one way, and to say what to change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from kit_outcomes import advice, outcomes
from reldistill import AttentionStates, PairRelation
from reldistill.testing import ConformanceError, relation_checks
from reldistill.testing.relation.devices import check_on


@dataclass(frozen=True)
class Cosine:
    """Right: the base of those that are wrong."""

    name: str = "cosine"
    needs: frozenset[str] = frozenset({"hidden"})

    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        unit = normalize(states.require("hidden"), dim=-1)
        return (10 * unit @ unit.T).unsqueeze(0)


def cosine(states: AttentionStates) -> Tensor:
    return Cosine().logits(states, 1)


@dataclass(frozen=True)
class SeveralHeads(Cosine):
    """Right too: another number of heads than one, and two states."""

    needs: frozenset[str] = frozenset({"query", "value"})

    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        query, value = (
            states.require(name).unflatten(-1, (relation_heads, -1)).transpose(0, 1) for name in ("query", "value")
        )
        return torch.cat([query @ value.mT, value @ value.mT])


@dataclass(frozen=True)
class Thresholded(Cosine):
    """Right too: only what is similar counts."""

    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        similar = cosine(states)
        return torch.where(similar > 1, similar, torch.full_like(similar, -10))


RIGHT = [Cosine(), SeveralHeads(), Thresholded(), PairRelation("qv", "query", "value")]


@pytest.mark.parametrize("relation", RIGHT, ids=lambda relation: type(relation).__name__)
def test_a_sound_relation_passes_all_that_can_be_checked_here(relation: Any) -> None:
    found = outcomes(relation_checks(relation))
    assert {name for name, said in found.items() if said} <= {"cuda", "mps"}
    assert all(said == "skipped" for said in found.values() if said)


class NoLogits:
    name, needs = "r", frozenset({"query"})


class ForgetfulHash(Cosine):
    def __hash__(self) -> int:
        return id(self)


@dataclass(frozen=True, eq=False)
class HashOfACount(Cosine):
    def __eq__(self, other: object) -> bool:
        return isinstance(other, HashOfACount)

    def __hash__(self) -> int:
        return int(self.__dict__.get("calls", 0))

    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        self.__dict__["calls"] = self.__dict__.get("calls", 0) + 1
        return cosine(states)


class ReadsMore(Cosine):
    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        return cosine(states) + states.require("key").sum()


class TakesWhatIsThere(Cosine):
    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        return cosine(states) if states.key is None else 2 * cosine(states)


class NoHeads(Cosine):
    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        return cosine(states)[0]


class HeadsByWidth(Cosine):
    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        return cosine(states).expand(states.require("hidden").shape[1] // 4, -1, -1)


class Narrow(Cosine):
    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        return cosine(states).float()


class DividesByTheNorm(Cosine):
    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        hidden = states.require("hidden")
        unit: Tensor = hidden / hidden.norm(dim=-1, keepdim=True)
        return (unit @ unit.T).unsqueeze(0)


class MaskedByInfinity(Cosine):
    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        return cosine(states).masked_fill(cosine(states) < 0, float("-inf"))


class Exponential(Cosine):
    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        hidden = states.require("hidden")
        return (hidden @ hidden.T).exp().unsqueeze(0)


class Distance(Cosine):
    """The root has no finite gradient at 0, where each token is from itself."""

    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        hidden = states.require("hidden")
        return -(hidden[:, None] - hidden[None]).square().sum(-1).sqrt().unsqueeze(0)


class HalfDetached(Cosine):
    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        hidden = states.require("hidden")
        return (hidden @ hidden.detach().T).unsqueeze(0)


class Detached(Cosine):
    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        return cosine(states).detach()


@dataclass(frozen=True)
class NeedsTooMuch(Cosine):
    needs: frozenset[str] = frozenset({"hidden", "value"})


class Random(Cosine):
    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        logits = cosine(states)
        return logits + torch.randn(logits.shape, dtype=logits.dtype)


class InPlace(Cosine):
    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        with torch.no_grad():
            states.require("hidden").mul_(2)
        return cosine(states)


@dataclass(frozen=True)
class CachedByLength(Cosine):
    """The first sequence of a length decides for all of that length."""

    cache: Any = field(default=None, compare=False)

    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        logits = cosine(states)
        first: Tensor = self.cache.setdefault(states.tokens, logits.detach())
        return first + 0 * logits


@dataclass(frozen=True)
class RunningMean(CachedByLength):
    """Each call moves what the next one gives."""

    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        self.cache["scale"] = self.cache.get("scale", 1.0) * 1.1
        return float(self.cache["scale"]) * cosine(states)


@dataclass(frozen=True)
class FirstAndOthers(CachedByLength):
    """One for the teacher, another for the student, by turns."""

    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        turn = self.cache["turn"] = not self.cache.get("turn", False)
        return cosine(states) * (1 if turn else 2)


class RowsAlike(Cosine):
    """What is added to all of a row is lost in the softmax."""

    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        hidden = states.require("hidden")
        return hidden.sum(-1)[None, :, None].expand(1, len(hidden), len(hidden))


class OnTheCpu(Cosine):
    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        return cosine(states) + torch.eye(states.tokens)


class OnlyTheCpu(Cosine):
    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        return torch.zeros(1, states.tokens, states.tokens)


WRONG: list[tuple[str, Any, str, str]] = [
    ("contract", NoLogits(), "has no logits(states, relation_heads)", "reldistill_relations) has a complete example"),
    ("hash", ForgetfulHash(), "equal have different hashes", "@dataclass(frozen=True) writes both"),
    ("hash", HashOfACount(), "after logits() had been called", "Keep nothing in the relation"),
    ("needs", ReadsMore(), "the state 'key' was not captured", "Add to needs what logits() reads beside hidden"),
    ("needs", TakesWhatIsThere(), "change when states beside those of needs", "read it no more"),
    ("shape", NoHeads(), "gave [4, 4], not [heads, 4, 4]", "logits.unsqueeze(0)"),
    ("heads", HeadsByWidth(), "3 heads for width 12, 5 tokens", "Make relation_heads heads of any width, or one head"),
    ("dtype", Narrow(), "states of torch.float64 gave logits of torch.float32", "dtype=state.dtype"),
    ("finite", DividesByTheNorm(), "states that are all zero gave", "norm.clamp_min(eps)"),
    ("finite", MaskedByInfinity(), "logits that are infinite or NaN", "mask by a large negative number, not by -inf"),
    ("finite", Exponential(), "states around 1,000 gave", "leave exp and softmax to the loss"),
    ("finite gradients", Distance(), "a gradient in 'hidden' that is infinite or NaN", "sqrt(x + eps)"),
    ("gradients", HalfDetached(), "the gradient in 'hidden' is not that of finite differences", "Detach nothing"),
    ("gradients", Detached(), "the logits have no gradient in 'hidden'", "without detach(), no_grad()"),
    ("reach", Detached(), "the state 'hidden' gets no gradient", "without detach(), no_grad()"),
    ("reach", NeedsTooMuch(), "the state 'value' gets no gradient", "take a state out of needs that is not read"),
    ("deterministic", Random(), "the same states gave logits that differ", "Leave out random numbers, dropout"),
    ("in place", InPlace(), "logits() changed the state 'hidden'", "a * b, not a *= b"),
    ("alone", CachedByLength(cache={}), "sequences 1 and 4 of 4, of one length", "a cache by length"),
    ("alone", RunningMean(cache={}), "sequence 2 of 4 has other logits than alone", "a running mean"),
    ("order", RunningMean(cache={}), "with the batch in reverse order", "a running mean"),
    ("packed", RunningMean(cache={}), "the loss of a packed batch is", "no state from call to call"),
    ("itself", FirstAndOthers(cache={}), "the loss of states against themselves is", "Compute the logits of teacher"),
    ("itself", RowsAlike(), "against other states", "lost in the softmax"),
    ("meta", OnTheCpu(), "mixes the states with a tensor on the CPU", "torch.eye(n, device=state.device)"),
    ("meta", OnlyTheCpu(), "states on the meta device gave logits on cpu", "device=state.device"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "relation", "found", "change"), WRONG, ids=lambda value: type(value).__name__)
def test_what_is_wrong_is_found_and_the_cure_is_named(name: str, relation: Any, found: str, change: str) -> None:
    error = advice(relation_checks(relation), name)
    assert found in error.found
    assert change in error.change


def test_every_check_but_those_of_devices_has_been_seen_to_fail() -> None:
    assert {check.name for check in relation_checks(Cosine())} - {name for name, *_ in WRONG} == {"cuda", "mps"}


class ReadsValues(Cosine):
    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        return cosine(states) / max(1.0, float(states.require("hidden").detach().abs().max()))


def test_a_relation_that_reads_its_tensors_is_not_tried_without_data() -> None:
    assert outcomes(relation_checks(ReadsValues()))["meta"] == "skipped"


class Breaks(Cosine):
    def logits(self, states: AttentionStates, relation_heads: int) -> Tensor:
        raise IndexError("no such head")


def test_what_a_relation_raises_is_advice_with_the_line_that_raised() -> None:
    error = advice(relation_checks(Breaks()), "shape")
    assert error.found.startswith("raised IndexError: no such head (test_relation_checks.py, line ")
    assert error.found.endswith(", in logits)")


def test_what_is_another_on_a_device_is_found() -> None:
    check_on(Cosine(), "cpu")
    with pytest.raises(ConformanceError, match="logits on cpu differ from those on the CPU by up to"):
        check_on(Random(), "cpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="waits for a CUDA device")
def test_a_tensor_of_the_cpu_is_found_on_cuda() -> None:
    assert "on cuda, logits() raised RuntimeError" in advice(relation_checks(OnTheCpu()), "cuda").found
