"""``minictl bench`` on small data, with the real peers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from reldistill_cli.main import app
from reldistill_loader import tokenize_documents
from rust_loader.small_tokenizers import byte_level_bpe, word_piece

# Without a token for BERT only; white space for Python only; ends that are none; blank; an end that was cut off.
ODD_LINES = "\ufeff\n\x1c\n\r in the \r middle\r\n\u3000\x85\n\u200b\nthe last\r"


@pytest.mark.slow
def test_all_contestants_give_the_same_ids(tmp_path: Path) -> None:
    text, output = tmp_path / "text.txt", tmp_path / "result.json"
    text.write_text("the hidden 12 words, é and the rest\n\n" * 500 + ODD_LINES, encoding="utf-8", newline="")
    (tmp_path / "word_piece.json").write_text(word_piece().to_str())
    (tmp_path / "bpe.json").write_text(byte_level_bpe().to_str())
    arguments = [text, "--tokenizer", tmp_path / "word_piece.json", "--tokenizer", tmp_path / "bpe.json"]
    outcome = CliRunner().invoke(
        app, ["bench", "tokenize", *map(str, arguments), "--rounds", "2", "--json", "-o", str(output)]
    )
    assert outcome.exit_code == 0, outcome.stderr
    found = json.loads(outcome.stdout)
    assert json.loads(output.read_text()) == found
    assert str(tmp_path) not in outcome.stdout
    for tokenizer in found["tokenizers"]:
        assert tokenizer["ids_equal"] is True
        assert set(tokenizer["contestants"]) == {"reldistill", "tokenizers", "datasets"}
        for figures in tokenizer["contestants"].values():
            assert 0 < figures["mb_per_cpu_second"]["least"] <= figures["mb_per_cpu_second"]["greatest"]
            assert figures["peak_mib"]["median"] > 10


@pytest.mark.slow
def test_all_contestants_feed_batches(tmp_path: Path) -> None:
    documents = ("the hidden words " * (1 + number % 9) for number in range(2_000))
    tokenize_documents(documents, word_piece().to_str(), tmp_path / "corpus", source="words", max_length=16)
    output = tmp_path / "result.json"
    arguments = ["--batch-size", "32", "--seconds", "0.2", "--rounds", "1", "--json", "-o", str(output)]
    outcome = CliRunner().invoke(app, ["bench", "load", str(tmp_path / "corpus"), *arguments])
    assert outcome.exit_code == 0, outcome.stderr
    found = json.loads(outcome.stdout)
    assert json.loads(output.read_text()) == found
    assert str(tmp_path) not in outcome.stdout
    assert {"reldistill", "reldistill padded", "memmap", "datasets", "datasets, 2 workers"} < set(found["contestants"])
    for figures in found["contestants"].values():
        assert figures["million_tokens_per_second"]["least"] > 0
        assert figures["cpu_milliseconds_per_batch"]["least"] > 0
    assert found["milliseconds_to_a_batch"]["resumed"]["median"] > 0


def test_a_corpus_smaller_than_a_batch_is_refused(tmp_path: Path) -> None:
    tokenize_documents(
        ["the hidden words"] * 50, word_piece().to_str(), tmp_path / "corpus", source="words", max_length=16
    )
    outcome = CliRunner().invoke(app, ["bench", "load", str(tmp_path / "corpus"), "--batch-size", "64"])
    assert outcome.exit_code == 2
    assert "is too small to measure" in outcome.stderr


def test_the_peak_of_a_process_is_its_own() -> None:
    script = "from reldistill_cli.bench.contest import peak_mib; print(peak_mib())"
    ballast = b"x" * (300 << 20)
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert len(ballast) > 0
    assert 5 < float(ran.stdout) < 200
