"""``minictl data inspect`` and ``minictl data verify``."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from reldistill_cli.main import app
from reldistill_loader import Corpus, summarize, tokenize_documents
from rust_loader.small_tokenizers import numbers

TOKENIZER = numbers(999)
LENGTHS = [number % 97 + 3 for number in range(1_000)]


@pytest.fixture(name="corpus")
def make_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    documents = (" ".join(["7"] * (length - 2)) for length in LENGTHS)
    tokenize_documents(documents, TOKENIZER.to_str(), "corpus", source="numbers", max_length=128, shard_tokens=20_000)
    Path("tokenizer.json").write_text(TOKENIZER.to_str())
    return Path("corpus")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["data", *map(str, arguments)])


def test_lengths_are_those_of_the_sequences(corpus: Path) -> None:
    lengths = Corpus.open(corpus).lengths()
    assert lengths.dtype == np.uint32
    assert lengths.tolist() == LENGTHS


def test_the_summary_counts_every_sequence(corpus: Path) -> None:
    summary = summarize(Corpus.open(corpus), bins=10)
    assert (summary.shortest, summary.longest, summary.mean) == (3, 99, sum(LENGTHS) / len(LENGTHS))
    assert summary.percentiles[50] == sorted(LENGTHS)[len(LENGTHS) // 2 - 1]
    for found in summary.histogram:
        assert found.sequences == sum(found.first <= length <= found.last for length in LENGTHS)
    assert sum(found.sequences for found in summary.histogram) == len(LENGTHS)


def test_padding_is_that_of_the_batches_of_a_training(corpus: Path) -> None:
    opened = Corpus.open(corpus)
    padding = summarize(opened, batch_size=250, rows=10, seed=3).padding
    batches = opened.batches(seed=3, batch_size=250)
    tokens, random_positions, sorted_positions = 0, 0.0, 0
    for _ in range(4):
        lengths = next(batches).lengths
        tokens += sum(lengths)
        for start in range(0, 250, 10):
            sorted_positions += 10 * -(-max(lengths[start : start + 10]) // 8) * 8
        for _ in range(500):
            random_positions += 250 * max(random.sample(lengths, 10)) / 500
    assert padding.sorted_rows == pytest.approx(1 - tokens / sorted_positions)
    # Of random rows only the mean is known.
    assert padding.random_rows == pytest.approx(1 - tokens / random_positions, abs=0.05)
    assert padding.sorted_rows < padding.random_rows < padding.as_drawn


def test_inspect_as_json_holds_all_of_it(corpus: Path) -> None:
    outcome = run("inspect", corpus, "--json", "--tokenizer", "tokenizer.json", "--samples", 2)
    assert outcome.exit_code == 0
    found = json.loads(outcome.stdout)
    assert (found["manifest"]["sequences"], found["summary"]["longest"]) == (1_000, 99)
    assert [sample["index"] for sample in found["samples"]] == [0, 500]
    assert found["samples"][0]["text"].split() == ["[CLS]", "7", "[SEP]"]


def test_inspect_for_people(corpus: Path) -> None:
    outcome = run("inspect", corpus)
    assert outcome.exit_code == 0
    for part in ("1,000", "uint16", "packed 0 %", "sequence 333:", "[1, 7,", "With --teacher"):
        assert part in outcome.stdout


def test_samples_of_another_tokenizer_are_refused(corpus: Path) -> None:
    Path("other.json").write_text(numbers(500).to_str())
    outcome = run("inspect", corpus, "--tokenizer", "other.json")
    assert outcome.exit_code == 3
    assert "was made with another tokenizer" in outcome.stderr


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-8])


@pytest.mark.parametrize(
    ("damage", "cause"), [(flip, "block 0"), (cut, "bytes, the manifest says"), (Path.unlink, "missing")]
)
def test_verify_names_the_damaged_shard_and_goes_on(corpus: Path, damage: Callable[[Path], None], cause: str) -> None:
    tokenize_documents(["7 8"], TOKENIZER.to_str(), "sound", source="numbers")
    damage(corpus / "shard-00001.arrow")
    outcome = run("verify", corpus, "sound", "--json")
    assert outcome.exit_code == 3
    damaged, sound = json.loads(outcome.stdout)["corpora"]
    assert (damaged["whole"], sound["whole"]) == (False, True)
    assert "shard-00001.arrow" in damaged["error"]
    assert cause in damaged["error"]
    assert "1 of 2 corpora cannot be used" in outcome.stderr


def test_verify_of_what_is_whole(corpus: Path) -> None:
    outcome = run("verify", corpus)
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith("whole: corpus  (1,000 sequences")


def test_what_is_no_corpus_is_said_to_be_none(corpus: Path) -> None:
    outcome = run("verify", "nowhere")
    assert outcome.exit_code == 3
    assert "not a corpus" in outcome.stdout
