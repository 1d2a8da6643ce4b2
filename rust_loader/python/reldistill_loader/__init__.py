"""Text to token ids on disk, token ids on disk to batches; the work is done in Rust.

tokenize("text/", "tokenizer.json", "corpus/")
for batch in Corpus.open("corpus/").batches(batch_size=256):
    for piece in batch.micro_batches(tokens=16_384):
        train(piece.input_ids, piece.position_ids, piece.cu_seqlens)
"""

from reldistill_loader._native import Batch, Batches, Corpus, Mixture, merge_parts, tokenize, tokenize_documents
from reldistill_loader.errors import CorpusError, InputError, LoaderError
from reldistill_loader.manifest import Manifest, Part, Shard, SkippedRecord
from reldistill_loader.micro_batches import PackedBatch, PaddedBatch
from reldistill_loader.progress import Progress
from reldistill_loader.summary import CorpusSummary, LengthBin, Padding, summarize

__all__ = [
    "Batch",
    "Batches",
    "Corpus",
    "CorpusError",
    "CorpusSummary",
    "InputError",
    "LengthBin",
    "LoaderError",
    "Manifest",
    "Mixture",
    "PackedBatch",
    "PaddedBatch",
    "Padding",
    "Part",
    "Progress",
    "Shard",
    "SkippedRecord",
    "merge_parts",
    "summarize",
    "tokenize",
    "tokenize_documents",
]
