"""One contestant of ``minictl bench load``: ``python -m reldistill_cli.bench.feeding NAME CORPUS BATCH_SIZE SECONDS``.

All give torch tensors of int64 ids from data on disk that is in the system's cache, in random order. What a contestant
keeps on disk is made before the clock starts, and its first batch, with which it starts its workers, is not counted.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from reldistill_cli.bench.contest import measure
from reldistill_loader import Corpus

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONTESTANTS = {
    "reldistill": "packed: input_ids, position_ids, cu_seqlens; checked on first touch, reads ahead in one thread",
    "reldistill padded": "padded by length in micro-batches of 32 rows: input_ids, attention_mask",
    "memmap": "NumPy memory map of all ids, windows at random places: no documents, masks, checks or resume",
    "datasets": "datasets, DataCollatorWithPadding, DataLoader without workers",
    "datasets, 2 workers": "the same with two workers",
    "litdata": "litdata's StreamingDataset of windows and StreamingDataLoader without workers",
    "mosaicml-streaming": "StreamingDataset of windows in MDS shards, DataLoader without workers",
    "webdataset": "windows as .npy in one tar, a shuffle buffer of 1,000",
    "grain": "MapDataset over a NumPy memory map of windows, shuffled and batched",
    "memory bandwidth": "the limit: reading the ids of such batches in order and writing ids and positions",
}
NEEDS = {"litdata": "litdata", "mosaicml-streaming": "streaming", "webdataset": "webdataset", "grain": "grain"}


def main() -> None:
    """Run the contestant that the arguments name; prints its :class:`Run`, with tokens and batches as its digest."""
    name, corpus, batch_size, seconds = sys.argv[1], Corpus.open(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    makers = {
        "reldistill": packed,
        "reldistill padded": padded,
        "memmap": memmap,
        "datasets": datasets_and_collator,
        "datasets, 2 workers": datasets_and_collator,
        "litdata": litdata,
        "mosaicml-streaming": mosaicml_streaming,
        "webdataset": webdataset,
        "grain": grain,
        "memory bandwidth": bandwidth,
    }
    tokens = batches = 0
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        arguments = (2,) if name == "datasets, 2 workers" else ()
        feed = makers[name](corpus, batch_size, scratch, *arguments)
        next(feed)

        def work() -> None:
            nonlocal tokens, batches
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                tokens += next(feed)
                batches += 1
            feed.close()  # type: ignore[attr-defined]  # ends workers, so that their time is counted

        measure(work, lambda: f"{tokens} {batches}")


def packed(corpus: Corpus, batch_size: int, _scratch: Path) -> Iterator[int]:
    """What the trainer takes."""
    for batch in corpus.batches(batch_size=batch_size):
        ids = torch.from_numpy(batch.input_ids)
        torch.from_numpy(batch.position_ids)
        torch.from_numpy(batch.cu_seqlens)
        yield len(ids)


def padded(corpus: Corpus, batch_size: int, _scratch: Path) -> Iterator[int]:
    """Rows for models that take a mask."""
    longest = -(-corpus.manifest.max_length // 8) * 8
    for batch in corpus.batches(batch_size=batch_size, layout="padded"):
        for part in batch.micro_batches(32 * longest):
            torch.from_numpy(part.input_ids)
        yield batch.tokens


def memmap(corpus: Corpus, batch_size: int, scratch: Path) -> Iterator[int]:
    """As small training scripts do: one long file, windows of the greatest length."""
    length = corpus.manifest.max_length
    _all_ids(corpus).tofile(scratch / "ids")
    ids = np.memmap(scratch / "ids", corpus.manifest.dtype, "r")
    random = np.random.default_rng(0)
    while True:
        starts = random.integers(0, len(ids) - length, batch_size)
        rows = np.stack([ids[start : start + length] for start in starts]).astype(np.int64)
        yield torch.from_numpy(rows).numel()


def datasets_and_collator(corpus: Corpus, batch_size: int, scratch: Path, workers: int = 0) -> Iterator[int]:
    """As transformers' examples do, on a copy of the same shards."""
    import datasets
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from torch.utils.data import DataLoader
    from transformers import DataCollatorWithPadding, PreTrainedTokenizerFast

    datasets.disable_progress_bars()
    shards = [str(corpus.path / shard.name) for shard in corpus.manifest.shards]
    rows = datasets.load_dataset("arrow", data_files=shards, split="train", cache_dir=str(scratch))
    vocabulary = {"[PAD]": corpus.manifest.pad_id or 0}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel(vocabulary)), pad_token="[PAD]")
    loader: DataLoader[Any] = DataLoader(
        rows,
        batch_size,
        shuffle=True,
        num_workers=workers,
        drop_last=True,
        collate_fn=DataCollatorWithPadding(tokenizer),
    )
    while True:
        for batch in loader:
            yield int(batch["attention_mask"].sum())


def litdata(corpus: Corpus, batch_size: int, scratch: Path) -> Iterator[int]:
    """Windows of the greatest length, as its guide for language models says."""
    from litdata import StreamingDataLoader, StreamingDataset, TokensLoader
    from litdata.streaming.cache import Cache

    length = corpus.manifest.max_length
    folder = scratch / "litdata"
    folder.mkdir()
    cache = Cache(str(folder), chunk_size=length * 8192, item_loader=TokensLoader(length))
    ids = torch.from_numpy(_all_ids(corpus).astype(np.int64)).to(torch.int32)
    step = length * 1024
    for number, start in enumerate(range(0, len(ids) // length * length, step)):
        cache[number] = ids[start : min(start + step, len(ids) // length * length)]
    cache.done()
    cache.merge()
    rows = StreamingDataset(str(folder), item_loader=TokensLoader(length), shuffle=True, drop_last=True)
    loader = StreamingDataLoader(rows, batch_size=batch_size, num_workers=0)
    while True:
        for batch in loader:
            yield batch.to(torch.int64).numel()


def mosaicml_streaming(corpus: Corpus, batch_size: int, scratch: Path) -> Iterator[int]:
    """Windows of the greatest length."""
    from streaming import MDSWriter, StreamingDataset
    from torch.utils.data import DataLoader

    rows = _windows(corpus)
    with MDSWriter(out=str(scratch / "mds"), columns={"ids": f"ndarray:{rows.dtype}:{rows.shape[1]}"}) as writer:
        for row in rows:
            writer.write({"ids": row})
    data = StreamingDataset(local=str(scratch / "mds"), shuffle=True, batch_size=batch_size)

    def collate(samples: list[dict[str, NDArray[np.uint16]]]) -> torch.Tensor:
        return torch.from_numpy(np.stack([sample["ids"] for sample in samples]).astype(np.int64))

    while True:
        for batch in DataLoader(data, batch_size, collate_fn=collate, drop_last=True):
            yield batch.numel()


def webdataset(corpus: Corpus, batch_size: int, scratch: Path) -> Iterator[int]:
    """Windows of the greatest length, the first of them: a tar is read in order."""
    import webdataset as wds

    with wds.TarWriter(str(scratch / "rows.tar")) as tar:
        for number, row in enumerate(_windows(corpus)[: max(20_000, batch_size)]):
            tar.write({"__key__": f"{number:08}", "ids.npy": row})
    data = wds.WebDataset(str(scratch / "rows.tar"), shardshuffle=False).shuffle(1000).decode().to_tuple("ids.npy")
    while True:
        for (rows,) in data.batched(batch_size, partial=False):
            yield torch.from_numpy(np.asarray(rows).astype(np.int64)).numel()


def grain(corpus: Corpus, batch_size: int, scratch: Path) -> Iterator[int]:
    """Windows of the greatest length."""
    import grain as grain_library

    np.save(scratch / "rows.npy", _windows(corpus))
    rows = np.load(scratch / "rows.npy", mmap_mode="r")
    data = grain_library.MapDataset.source(rows).shuffle(seed=0).repeat().batch(batch_size, drop_remainder=True)
    for batch in data:
        yield torch.from_numpy(batch.astype(np.int64)).numel()


def bandwidth(corpus: Corpus, batch_size: int, _scratch: Path) -> Iterator[int]:
    """The bytes of packed batches, without gathering, checking or counting: two calls of NumPy for each."""
    mean = corpus.tokens / len(corpus)
    size = int(mean * batch_size)
    source = _all_ids(corpus)
    ids, positions, ramp = np.empty(size, np.int64), np.empty(size, np.int64), np.arange(size)
    while True:
        for start in range(0, len(source) - size, size):
            np.copyto(ids, source[start : start + size])
            np.copyto(positions, ramp)
            yield size


def _windows(corpus: Corpus) -> NDArray[np.uint16] | NDArray[np.uint32]:
    length = corpus.manifest.max_length
    ids = _all_ids(corpus)
    return ids[: len(ids) // length * length].reshape(-1, length)


def _all_ids(corpus: Corpus) -> NDArray[np.uint16] | NDArray[np.uint32]:
    return np.concatenate([corpus.sequence(index) for index in range(len(corpus))])


if __name__ == "__main__":
    main()
