"""``minictl bench loss`` and ``bench step``: the peers compute the same loss, and what is printed is what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertModel
from typer.testing import CliRunner

from random_states import random_states
from reldistill import PairRelation, relation_loss
from reldistill_cli.bench.padded_peers import LETTERS, PaddedPeer, batched_loss, looped_loss
from reldistill_cli.bench.workloads import NINE, WORKLOADS, ragged_lengths
from reldistill_cli.main import app


@pytest.mark.parametrize("loss", [looped_loss, batched_loss])
@pytest.mark.parametrize("heads", [1, 6])
def test_the_padded_losses_are_the_reference(loss: object, heads: int) -> None:
    lengths = (9, 5, 1)
    packed = [random_states(lengths, width, seed=width, dtype=torch.float32) for width in (24, 12)]
    rows = [
        {
            name: torch.nn.utils.rnn.pad_sequence(list(states.require(name).split(list(lengths))), batch_first=True)
            for name in LETTERS.values()
        }
        for states in packed
    ]
    mask = torch.arange(9)[None] < torch.tensor(lengths)[:, None]
    relations = {PairRelation(name, LETTERS[name[0]], LETTERS[name[1]]): 1.0 for name in NINE}
    expected = relation_loss(packed[0], packed[1], relations, heads, kernel="reference").total
    assert float(loss(rows[0], rows[1], NINE, heads, mask)) == pytest.approx(float(expected), rel=1e-5)  # type: ignore[operator]


@pytest.mark.parametrize("careful", [False, True])
def test_a_padded_peer_learns_the_same_batch(careful: bool) -> None:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "vocab_size": 50,
        "num_attention_heads": 3,
        "intermediate_size": 48,
        "max_position_embeddings": 16,
    }
    teacher, student = (
        BertModel(BertConfig(**sizes, hidden_size=w, num_hidden_layers=n)) for w, n in ((24, 3), (12, 2))
    )
    peer = PaddedPeer(teacher, student, ("qq", "kk", "vv"), 6, careful=careful, precision=torch.float32)
    ids, mask = torch.randint(1, 50, (4, 12)), torch.arange(12)[None] < torch.tensor([12, 12, 7, 3])[:, None]
    losses = [peer.step(ids, mask.long()) for _ in range(60)]
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])


def test_workloads_are_ragged_and_longest_first() -> None:
    for workload in WORKLOADS.values():
        lengths = workload.lengths()
        assert max(lengths) == workload.longest == lengths[0]
        assert workload.tokens <= sum(lengths) < workload.tokens + workload.longest
        assert list(lengths) == sorted(lengths, reverse=True)
    many = ragged_lengths(128, 1_000_000)
    assert sum(many) / len(many) / 128 == pytest.approx(0.83, abs=0.01)


@pytest.mark.slow
def test_all_losses_are_equal_and_measured(tmp_path: Path) -> None:
    output = tmp_path / "result.json"
    arguments = [
        "--length",
        "16",
        "--relations",
        "qq,kv",
        "--rounds",
        "1",
        "--repeats",
        "1",
        "--json",
        "-o",
        str(output),
    ]
    outcome = CliRunner().invoke(app, ["bench", "loss", *arguments])
    assert outcome.exit_code == 0, outcome.stderr
    found = json.loads(outcome.stdout)
    assert json.loads(output.read_text()) == found
    contestants = found["lengths"][0]["contestants"]
    assert set(contestants) == {"native", "tiled", "reference", "padded", "padded batched"}
    for figures in contestants.values():
        assert figures["loss"] == pytest.approx(contestants["reference"]["loss"], rel=1e-4)
        assert 0 < figures["share_of_matrix_product_rate"]["median"] < 1.2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["loss", "--relations", "qq,qx"], "--relations qx: not a pair"),
        (["step", "bert-64"], "bert-64: not a workload"),
        (["step", "bert-128", "--only", "peers"], "--only 'peers': not a contestant"),
        (["step", "bert-128", "--precision", "int8"], "--precision int8: not a choice"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(arguments: list[str], message: str) -> None:
    outcome = CliRunner().invoke(app, ["bench", *arguments])
    assert outcome.exit_code == 2
    assert message in outcome.stderr
    assert "Allowed:" in outcome.stderr


def test_a_relation_twice_is_refused() -> None:
    outcome = CliRunner().invoke(app, ["bench", "loss", "--relations", "qq,qq"])
    assert outcome.exit_code == 2
    assert "one of them stands there twice" in outcome.stderr


@pytest.mark.parametrize("command", [["loss"], ["step", "bert-128"]])
@pytest.mark.parametrize(("place", "message"), [("no/result.json", "there is no folder"), (".", "it is a folder")])
def test_a_result_that_cannot_be_written_is_refused_before_anything_is_measured(
    tmp_path: Path, command: list[str], place: str, message: str
) -> None:
    outcome = CliRunner().invoke(app, ["bench", *command, "--output", str(tmp_path / place)])
    assert outcome.exit_code == 2
    assert message in outcome.stderr
    assert "round 1" not in outcome.stderr
