"""The part that is written in Rust. The documentation for users stands here; a test holds it against the module."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from reldistill_loader.manifest import Manifest
from reldistill_loader.micro_batches import PackedBatch, PaddedBatch
from reldistill_loader.progress import Progress

__all__ = [
    "Batch",
    "Batches",
    "Corpus",
    "Mixture",
    "attention_backward",
    "attention_forward",
    "dropout",
    "merge_parts",
    "relation_terms",
    "tokenize",
    "tokenize_documents",
]

# fp32, or bf16 as integers of two bytes, which NumPy has no type for. Rows lie one behind the other.
_Floats = NDArray[np.float32] | NDArray[np.uint16]

def tokenize(
    inputs: str | PathLike[str] | Sequence[str | PathLike[str]],
    tokenizer: str | PathLike[str],
    output: str | PathLike[str],
    *,
    max_length: int = 512,
    documents: Literal["split", "join"] = "split",
    text_column: str = "text",
    text_documents: Literal["lines", "paragraphs"] = "lines",
    windows: Literal["tokens", "sentences", "lines"] = "tokens",
    threads: int = 0,
    max_sequences: int | None = None,
    overwrite: bool = False,
    on_error: Literal["raise", "skip"] = "raise",
    shard_tokens: int = 67_108_864,
    part: tuple[int, int] | None = None,
    progress: Callable[[Progress], object] | None = None,
) -> Manifest:
    """Turns text into a corpus of token ids.

    The ids are those of transformers' fast tokenizer for `truncation=True, max_length=max_length,
    return_overflowing_tokens=True, stride=0`: a document that is longer becomes several sequences (see `windows`) and
    no token is lost; one without a token beside the special ones gives none. Truncation and padding stored in the tokenizer are
    ignored. The bytes written are a function of text, tokenizer and options, not of threads or time. Memory is
    bounded whatever the size of the text; the interpreter is released throughout.

    Args:
        inputs: a file, a folder (walked, sorted, hidden files left out), a glob, or a sequence of these.
            `.txt` holds a document a line, of which only the line end is stripped; lines of white space are passed
            over; or see `text_documents`. `.jsonl` holds an object a line. A line has at most 16 MiB. `.parquet` holds
            a row each. Each of them may be packed: `.gz`, `.zst`; packed Parquet is unpacked into a temporary file
            first.
        tokenizer: the path of a tokenizer.json, or its text (which starts with a brace).
        output: the folder to write. If it holds finished shards of an interrupted build of the same text, tokenizer and
            options, this one goes on behind them; other leftovers are replaced, other files left alone. The same text
            is: files of the same names, places, sizes and times of change.
        max_length: greatest number of tokens in a sequence, special tokens included.
        documents: `split` makes a sequence of each short document. `join` makes one of consecutive short documents of a
            file, up to `max_length`, the way RoBERTa packs full sentences: `<s> a </s> b </s>`, with BERT's tokenizer
            `[CLS] a [SEP] b [SEP]`. It is one sequence for attention and loss alike. The last window of a long document
            is joined like a short one.
        text_column: the field of a `.jsonl` record, or the column of a `.parquet` file, that holds the text.
        text_documents: what is one document of a `.txt` file. `lines`: a line. `paragraphs`: consecutive lines that are
            not blank (nothing but white space), with the line ends between them as they are; at most 16 MiB. Other
            files are not concerned.
        windows: where a document is cut that is longer than `max_length`. `tokens`: where a sequence is full. `sentences`,
            `lines`: behind the last sentence or line that fits; one that alone is longer is cut where the sequence is
            full. The ids are the same, none is lost or doubled. Sentences are those of Unicode (UAX #29), for which a
            line end ends a sentence too and "Mr." may; white space between two of them goes with the second.
        threads: threads that tokenise; 0 for one per processor.
        max_sequences: stop after this many sequences.
        overwrite: replace a finished corpus in `output`; it stays until the new one is whole.
        on_error: what to do with bytes that are not UTF-8, broken JSON, a missing column or one that is no string,
            a null, or a document that is too long: raise, or skip the record, count it and list the first ones in the
            manifest. A damaged file (cut short, a checksum of gzip or Parquet that is wrong) is always an error.
        shard_tokens: a shard that would grow beyond this many tokens is closed.
        part: `(3, 64)` builds the third of 64 parts, to be run anywhere, into the folder `part-00003-of-00064` in
            `output`; `merge_parts` makes one corpus of them. A part takes whole files: those whose middle byte lies in
            its share of the bytes of all, in the order of `inputs`, which must lead to files of the same names and sizes
            for each part. A part may be empty. `overwrite` is about the part's folder. Without `max_sequences` only.
        progress: called at the start, some eight times a second and at the end, in the calling thread. What it raises
            stops the build.

    Returns:
        The manifest of the corpus.

    Raises:
        InputError: an argument is wrong, an input matches nothing, a record is broken (names file and line), the
            output holds a finished corpus, or parts of one where a whole one is to be built and the other way round,
            or there is no text.
        OSError: the disk is full, a file cannot be read, and the like.

    Whatever is raised, nothing is left under its final name. Finished shards stay under temporary names, beside an
    `unfinished.journal`, for the next call to go on with; the bytes are then those of a build that was not interrupted.
    """

def tokenize_documents(
    documents: Iterable[str],
    tokenizer: str | PathLike[str],
    output: str | PathLike[str],
    *,
    source: str,
    max_length: int = 512,
    join: bool = False,
    windows: Literal["tokens", "sentences", "lines"] = "tokens",
    threads: int = 0,
    max_sequences: int | None = None,
    overwrite: bool = False,
    shard_tokens: int = 67_108_864,
    resume_key: str | None = None,
    progress: Callable[[Progress], object] | None = None,
) -> Manifest:
    """Turns the strings of any iterable into a corpus, a block of them at a time; otherwise like `tokenize`.

    Args:
        documents: the documents. What the iterable raises is raised here, and no corpus is written. They are pulled
            in the calling thread some blocks of 256 KiB ahead, so that more may be taken than `max_sequences` needs.
        join: as `documents="join"` of `tokenize`.
        windows: as in `tokenize`.
        source: what to call them in the manifest, a Hub id for example.
        resume_key: what tells these documents and their order from any others. With it finished shards of an interrupted
            build of the same key stay and are gone on with, as in `tokenize`: documents in them are pulled and dropped.
            None: nothing stays of an interrupted build.

    Raises:
        InputError: as `tokenize`; also if an item is no `str` (names its number, from 1), or if the documents are not
            those that the interrupted build of the same `resume_key` had read.
        OSError: the disk is full, and the like.
    """

def merge_parts(folder: str | PathLike[str], *, overwrite: bool = False) -> Manifest:
    """Makes one corpus of the parts in a folder by writing its manifest.json; no shard is read, copied or moved.

    It holds the sequences that a build of all files without parts holds, in the same order. The folders of the parts are
    what it consists of: they have to stay. A part that is built again to the same bytes needs no merging again; one that
    becomes another ends the merged corpus.

    Args:
        folder: the folder that the parts were built into.
        overwrite: replace the manifest of a corpus that is there.

    Returns:
        The manifest of the corpus.

    Raises:
        CorpusError: there are no parts, some are missing or not finished (lists them), they are not of the same files,
            tokenizer and options or not of the same number of parts, or a shard has another size than it should.
        InputError: the folder holds a finished corpus, a part is being built there, or no part holds any text.
        OSError: the disk is full, and the like.
    """

@final
class Corpus:
    """A finished corpus, its shards mapped into memory. Safe to use from several threads, after a fork, and pickled."""

    @staticmethod
    def open(path: str | PathLike[str], verify: Literal["first_touch", "full", "none"] = "first_touch") -> Corpus:
        """Opens a corpus.

        Args:
            path: its folder.
            verify: when checksums are held against the disk: for each block of 256 KiB when it is first touched, for
                all of them now, or never. A shard that is cut short while it is open is told at the blocks that have
                not been verified (Linux 5.14 or newer); touching one that has been, or any with "none", ends the
                process with SIGBUS.

        Raises:
            CorpusError: it is not finished, damaged (names the shard, the cause and, for a wrong checksum, the
                block), or of a newer format.
            InputError: `verify` is none of the above.
            OSError: a file cannot be read.
        """
    @property
    def path(self) -> Path:
        """Its folder."""
    @property
    def manifest(self) -> Manifest:
        """What it says of itself."""
    @property
    def fingerprint(self) -> str:
        """SHA-256 of its manifest.json, as `Manifest.fingerprint`."""
    @property
    def tokens(self) -> int:
        """Tokens in it, special tokens included."""
    def __len__(self) -> int:
        """Sequences in it, at least 1."""
    def __reduce__(self) -> tuple[Any, ...]: ...
    def sequence(self, index: int) -> NDArray[np.uint16] | NDArray[np.uint32]:
        """[tokens]: the ids of a sequence, a read-only view into the map that keeps the corpus alive.

        Raises:
            IndexError: `index` is not from 0 to `len(corpus) - 1`.
            CorpusError: the shard is damaged there.
        """
    def length(self, index: int) -> int:
        """Tokens of a sequence, at least 1; raises as `sequence`."""
    def lengths(self) -> NDArray[np.uint32]:
        """[sequences]: tokens of each sequence; raises as `sequence`."""
    def batches(
        self,
        seed: int = 0,
        batch_size: int = 256,
        layout: Literal["packed", "padded"] = "packed",
        rank: int = 0,
        world_size: int = 1,
        prefetch: int = 4,
        position_offset: int = 0,
        *,
        threads: int = 1,
        dtype: Literal["int64", "int32"] = "int64",
        pin_memory: bool = False,
    ) -> Batches:
        """The endless batches of one rank.

        Global batch b is positions b·B to (b+1)·B - 1 of an order that visits each sequence once an epoch, shuffled
        anew in each; a batch may straddle two epochs, and with fewer sequences than B hold one twice. The order is
        a function of corpus, `seed` and `batch_size` alone. A global batch is divided among ranks so that they have
        about as many tokens; if there are more ranks than sequences, some have an empty batch.

        Args:
            seed: from 0 to 2**64 - 1.
            batch_size: B, the sequences of a global batch, at most 2**24.
            layout: what `Batch.micro_batches` gives: `PackedBatch` or `PaddedBatch`.
            rank: this rank, from 0.
            world_size: ranks in all.
            prefetch: batches to read ahead; 0 reads each when it is asked for.
            position_offset: where `PackedBatch.position_ids` start in each sequence.
            threads: threads that read ahead, at most `prefetch`. One keeps up with any trainer; more hide a slow disk.
                They do not alter a batch.
            dtype: of ids, positions and masks.
            pin_memory: lock the memory of batches for asynchronous copies to a GPU; needs torch with CUDA. Keep the batch
                until such a copy has ended: its memory is used again.

        Raises:
            InputError: an argument is out of range, "padded" was asked for and the tokenizer has no padding token, or
                `pin_memory` and there is no CUDA device.
        """

@final
class Mixture:
    """Several corpora of one tokenizer, drawn from in fixed shares. Used like a `Corpus`; may be pickled.

    In each block of 65,536 positions of its order each corpus has exactly its share of them, at least one, shuffled
    among those of the others; a corpus goes through shuffled epochs of its own, block by block (one that is smaller than
    its share of a block comes several times in it, in any order). The order is a function of corpora, shares, seed and
    batch size alone. Indices count through all corpora, one after the other. A mixture of one
    corpus is that corpus.
    """

    def __new__(
        cls, corpora: Sequence[Corpus], weights: Sequence[float] | None = None, exponent: float | None = None
    ) -> Mixture:
        """Mixes corpora.

        Args:
            corpora: at most 4,096.
            weights: what the numbers of sequences drawn are in proportion to, one for each corpus.
            exponent: in their place, the corpora's own numbers of sequences to this power: 1 as they come (default), 0
                all alike; XLM-R draws its languages with 0.3 (Conneau et al., 2020, section 3.1).

        Raises:
            InputError: weights or exponent are out of range or both given, or the tokenizers differ.
        """
    @property
    def corpora(self) -> tuple[Corpus, ...]:
        """The corpora."""
    @property
    def shares(self) -> tuple[float, ...]:
        """The exact share of each corpus, from 0 to 1."""
    @property
    def fingerprint(self) -> str:
        """SHA-256 of the corpora's fingerprints and shares; of one corpus, its own."""
    @property
    def tokens(self) -> int:
        """Tokens in all corpora."""
    def __len__(self) -> int:
        """Sequences in all corpora."""
    def __reduce__(self) -> tuple[Any, ...]: ...
    def locate(self, index: int) -> tuple[int, int]:
        """The number of the corpus that holds a sequence, and its index there; raises as `Corpus.sequence`."""
    def sequence(self, index: int) -> NDArray[np.uint16] | NDArray[np.uint32]:
        """[tokens]: the ids of a sequence; as `Corpus.sequence`."""
    def batches(
        self,
        seed: int = 0,
        batch_size: int = 256,
        layout: Literal["packed", "padded"] = "packed",
        rank: int = 0,
        world_size: int = 1,
        prefetch: int = 4,
        position_offset: int = 0,
        *,
        threads: int = 1,
        dtype: Literal["int64", "int32"] = "int64",
        pin_memory: bool = False,
    ) -> Batches:
        """The endless batches of one rank; as `Corpus.batches`."""

@final
class Batches:
    """The endless batches of one rank; made by `Corpus.batches`. After a fork it reads ahead in threads of its own."""

    def __iter__(self) -> Batches: ...
    def __next__(self) -> Batch:
        """The next batch.

        Raises:
            CorpusError: a sequence of it is damaged. The position stays: no batch is passed over.
        """
    def state_dict(self) -> dict[str, int | str]:
        """The position after the batches that were handed out, as plain numbers and strings.

        It is the same for each rank and valid for any `world_size`, `layout` and `prefetch`.
        """
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes to a saved position, in constant time.

        Raises:
            CorpusError: the state is of another corpus, seed or batch size (shows what differs), or is none.
        """

@final
class Batch:
    """One rank's share of a global batch, longest sequences first.

    Its arrays, and tensors made of them, are views of memory that is used again for later batches once the last of
    them is gone: keep what you look at, and copy what you alter and need unaltered elsewhere.
    """

    @property
    def number(self) -> int:
        """Number of the global batch, from 0."""
    @property
    def global_sequences(self) -> int:
        """Sequences of the global batch over all ranks: what the loss is divided by."""
    @property
    def indices(self) -> NDArray[np.int64]:
        """[sequences]: indices of this rank's sequences in the corpus or mixture."""
    @property
    def lengths(self) -> tuple[int, ...]:
        """Tokens of each of them."""
    @property
    def tokens(self) -> int:
        """Tokens of all of them."""
    @property
    def input_ids(self) -> NDArray[np.int64] | NDArray[np.int32]:
        """Token ids: packed `[tokens]`, padded `[sequences, width]`, both as in a micro-batch of all of it.

        Raises:
            InputError: padded, with more than 2**31 - 1 positions: cut it.
        """
    @property
    def position_ids(self) -> NDArray[np.int64] | NDArray[np.int32]:
        """[tokens]: positions of the packed layout; `InputError` in the padded one."""
    @property
    def cu_seqlens(self) -> NDArray[np.int32]:
        """[sequences + 1]: borders of the packed layout; `InputError` in the padded one, or beyond 2**31 - 1 tokens."""
    @property
    def attention_mask(self) -> NDArray[np.int64] | NDArray[np.int32]:
        """[sequences, width]: 1 for a token, 0 for padding; `InputError` in the packed layout."""
    def __len__(self) -> int:
        """This rank's sequences; 0 if there are more ranks than sequences in the batch."""
    def micro_batches(self, tokens: int) -> list[PackedBatch] | list[PaddedBatch]:
        """Cuts the batch by what fits the device; together the pieces are exactly the batch.

        Args:
            tokens: greatest number of tokens in a piece, padding included. A piece has at least one sequence, also
                if that is longer.

        Returns:
            The pieces, longest sequences first; none for an empty batch. Packed ones are views of the batch's memory,
            padded ones are laid out here.

        Raises:
            InputError: `tokens` is 0.
        """

def attention_forward(
    lengths: Sequence[int],
    heads: int,
    inputs: Sequence[_Floats],
    output: _Floats,
    log_sums: NDArray[np.float32],
    *,
    scale: float,
    dropout: float,
    seed: int,
    threads: int,
    reach: int | None = None,
) -> None:
    """Attention of packed sequences on the CPU, with dropout on its probabilities; the interpreter is released.

    Args:
        lengths: tokens of each sequence.
        heads: attention heads h.
        inputs: query, key and value, [tokens, h * d].
        output: [tokens, h * d], written.
        log_sums: [tokens, h], written: the logarithm of the sum of each row's exponentials, which the gradient needs.
        scale: what logits are multiplied by.
        dropout: share of the probabilities that is dropped; which ones is a function of `seed` and the place.
        threads: how many to take; they change nothing in the result.
        reach: how far a token sees to either side within its sequence; all of it without a number.

    Raises:
        ValueError: sizes do not fit each other, or `dropout` is not in [0, 1).
    """

def attention_backward(
    lengths: Sequence[int],
    heads: int,
    inputs: Sequence[_Floats],
    output: _Floats,
    log_sums: NDArray[np.float32],
    slope: _Floats,
    gradients: Sequence[_Floats],
    *,
    scale: float,
    dropout: float,
    seed: int,
    threads: int,
    reach: int | None = None,
) -> None:
    """The gradients of query, key and value, given `slope`, that of the output, and what `attention_forward` made.

    Raises:
        ValueError: sizes do not fit each other, or `dropout` is not in [0, 1).
    """

def dropout(values: _Floats, output: _Floats, *, dropout: float, seed: int, threads: int) -> None:
    """Writes to `output` what is left of `values`, both `[rows, width]`: 0, or the value divided by `1 - dropout`.

    What is dropped is a function of `seed` and the place alone. The interpreter is released.

    Raises:
        ValueError: the two are not of one size, or `dropout` is not in [0, 1).
    """

def relation_terms(
    lengths: Sequence[int],
    relation_heads: int,
    teacher: Sequence[_Floats | None],
    student: Sequence[_Floats | None],
    relations: Sequence[tuple[int, int, float]],
    divisor: int,
    gradients: Sequence[_Floats | None],
    *,
    threads: int,
) -> list[float]:
    """The relation loss of packed sequences on the CPU (MiniLMv2, equations 6 to 8); the interpreter is released.

    Args:
        lengths: tokens of each sequence.
        relation_heads: A; divides all widths.
        teacher, student: query, key and value, [tokens, width]; None where no relation needs it.
        relations: for each its left and its right projection (0 query, 1 key, 2 value) and its weight.
        divisor: what terms and gradients are divided by.
        gradients: [tokens, width] for each projection of the student, written; None where it is not wanted. They are those of
            the weighted sum of the terms.
        threads: how many to take; they change nothing in the result.

    Returns:
        The term of each relation, without its weight.

    Raises:
        ValueError: sizes do not fit each other.
    """
