"""One contestant of ``minictl bench tokenize``: ``python -m reldistill_cli.bench.tokenizing NAME TOKENIZER TEXT``.

All give the ids of each line with special tokens. Reading the tokenizer and, for the peers, the text is not measured.

A line that is not white space can still hold no token: BERT's normalizer deletes a lone byte-order mark, for example. The
loader makes no sequence of it, the peers one of special tokens only, which does not count as a difference.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from reldistill_cli.bench.contest import measure

CONTESTANTS = {
    "reldistill": "reldistill_loader.tokenize, 2 threads, corpus written to disk",
    "tokenizers": "tokenizers' encode_batch_fast, 2 threads, 1,000 lines a call",
    "datasets": "datasets' map(batched=True, num_proc=2) with transformers' fast tokenizer",
}
LONGEST = 1 << 20
LINES_AT_ONCE = 1_000
WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
"""Unicode's, as the loader has it; ``str.strip`` takes four control characters for white space too."""


def main() -> None:
    """Run the contestant that the arguments name."""
    name, tokenizer, text = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    {"reldistill": ours, "tokenizers": encode_batch_fast, "datasets": datasets_map}[name](tokenizer, text)


def ours(tokenizer: Path, text: Path) -> None:
    """The loader, from a file to a corpus on disk."""
    from reldistill_loader import Corpus, tokenize

    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "corpus"

        def digest() -> str:
            corpus = Corpus.open(output)
            return _digest(corpus.sequence(index) for index in range(len(corpus)))

        measure(lambda: tokenize(text, tokenizer, output, max_length=LONGEST, threads=2), digest)


def encode_batch_fast(tokenizer: Path, text: Path) -> None:
    """The Rust library by itself; ids stay in memory as long as a call lasts."""
    from tokenizers import Tokenizer

    encoder, lines = Tokenizer.from_file(str(tokenizer)), _lines(text)
    encoder.no_padding()
    encoder.no_truncation()
    found: list[np.ndarray] = []

    def work() -> None:
        for start in range(0, len(lines), LINES_AT_ONCE):
            encodings = encoder.encode_batch_fast(lines[start : start + LINES_AT_ONCE])
            found.extend(np.array(encoding.ids, np.uint32) for encoding in encodings)

    least = encoder.num_special_tokens_to_add(is_pair=False) + 1
    measure(work, lambda: _digest(ids for ids in found if len(ids) >= least))


def datasets_map(tokenizer: Path, text: Path) -> None:
    """What most scripts do."""
    import datasets
    from transformers import PreTrainedTokenizerFast

    datasets.disable_progress_bars()
    encoder = PreTrainedTokenizerFast(tokenizer_file=str(tokenizer), clean_up_tokenization_spaces=False)
    encoder.backend_tokenizer.no_padding()
    encoder.backend_tokenizer.no_truncation()
    rows = datasets.Dataset.from_dict({"text": _lines(text)})
    with tempfile.TemporaryDirectory() as scratch:
        saved = Path(scratch) / "text"
        rows.save_to_disk(str(saved))
        rows = datasets.Dataset.load_from_disk(str(saved))
        mapped = []

        def work() -> None:
            mapped.append(
                rows.map(
                    lambda batch: {"input_ids": encoder(batch["text"], return_attention_mask=False)["input_ids"]},
                    batched=True, num_proc=2, remove_columns=["text"], load_from_cache_file=False,
                )
            )  # fmt: skip

        least = encoder.backend_tokenizer.num_special_tokens_to_add(is_pair=False) + 1

        def digest() -> str:
            found = (np.array(row["input_ids"], np.uint32) for row in mapped[0])
            return _digest(ids for ids in found if len(ids) >= least)

        measure(work, digest)


def _lines(text: Path) -> list[str]:
    """The documents that the loader finds; ``read_text`` would take a carriage return for a line end."""
    lines = text.read_bytes().decode().replace("\r\n", "\n").split("\n")
    return [line for line in lines if line.strip(WHITE_SPACE)]


def _digest(sequences: Iterable[np.ndarray]) -> str:
    digest = hashlib.sha256()
    for ids in sequences:
        digest.update(ids.astype(np.uint32).tobytes())
        digest.update(b"|")
    return digest.hexdigest()


if __name__ == "__main__":
    main()
