"""Other readers take the shards as they are."""

from pathlib import Path

import pyarrow as pa
import pytest
from datasets import load_dataset

from reldistill_loader import Corpus
from rust_loader.conftest import MakeCorpus


def expected(corpus: Corpus) -> list[list[int]]:
    return [corpus.sequence(index).tolist() for index in range(len(corpus))]


def shards(corpus: Corpus) -> list[Path]:
    return [corpus.path / shard.name for shard in corpus.manifest.shards]


def test_pyarrow_reads_shards(make_corpus: MakeCorpus) -> None:
    corpus = make_corpus(5000, shard_tokens=10_000)
    found: list[list[int]] = []
    for shard, entry in zip(shards(corpus), corpus.manifest.shards, strict=True):
        with pa.memory_map(str(shard)) as file:
            reader = pa.ipc.open_file(file)
            item = pa.field("item", pa.uint16(), nullable=False)
            assert reader.schema == pa.schema([pa.field("input_ids", pa.list_(item), nullable=False)])
            table = reader.read_all()
            table.validate(full=True)
            assert table.num_rows == entry.sequences
            found += table["input_ids"].to_pylist()
    assert len(shards(corpus)) > 1
    assert found == expected(corpus)


@pytest.mark.filterwarnings("ignore")
def test_datasets_loads_shards(make_corpus: MakeCorpus, tmp_path: Path) -> None:
    corpus = make_corpus(300)
    files = [str(shard) for shard in shards(corpus)]
    dataset = load_dataset("arrow", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    assert dataset["input_ids"][:] == expected(corpus)
