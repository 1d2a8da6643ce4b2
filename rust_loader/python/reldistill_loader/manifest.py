"""What a corpus says of itself."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal


@dataclass(frozen=True, slots=True)
class Shard:
    """One Arrow file of a corpus."""

    name: str
    """Name in the corpus's folder; `part-00003-of-00064/shard-00000.arrow` in a merged one."""
    sequences: int
    tokens: int
    bytes: int
    """Size of the file."""


@dataclass(frozen=True, slots=True)
class SkippedRecord:
    """A record that was left out."""

    source: str
    """One of `Manifest.sources`."""
    line: int
    """The line, from 1."""
    cause: str
    """What is wrong with it."""


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a larger build a corpus is."""

    number: int
    """From 1."""
    of: int
    """How many there are."""
    inputs: str
    """SHA-256 of names and sizes of the files of all parts, in hexadecimal."""

    @property
    def folder(self) -> str:
        """Name of its folder in that of the corpus."""
        return f"part-{self.number:05}-of-{self.of:05}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a corpus says of itself; block checksums are left to `Corpus`."""

    version: int
    """Version of the corpus format."""
    tokenizer_sha256: str
    """SHA-256 of the tokenizer.json, in hexadecimal."""
    vocabulary_size: int
    """Tokens in the tokenizer's vocabulary, added ones included."""
    largest_id: int
    """The greatest id of the vocabulary; an embedding needs one row more."""
    special_ids: Mapping[str, int]
    """Ids of those of bos, cls, eos, mask, pad, sep and unk that the tokenizer has."""
    max_length: int
    """Greatest number of tokens in a sequence, special tokens included."""
    joined: bool
    """Whether short documents were joined into one sequence."""
    max_sequences: int | None
    """Greatest number of sequences, if there was a bound."""
    text_column: str
    """The field of a .jsonl record that held the text."""
    text_documents: Literal["lines", "paragraphs"]
    """What was one document of a .txt file: a line, or the lines up to a blank one."""
    windows: Literal["tokens", "sentences", "lines"]
    """Where documents were cut that are longer than a sequence."""
    sources: tuple[str, ...]
    """Base names of the input files (relative to a folder that was walked), or the name that was given."""
    part: Part | None
    """Which part of a larger build it is; None for a whole corpus, merged ones included."""
    documents: int
    """Documents that were read."""
    empty_documents: int
    """Documents among them without a token beside the special ones, which gave no sequence."""
    skipped_records: int
    """Records that were left out because they were broken."""
    skipped: tuple[SkippedRecord, ...]
    """The first of these."""
    sequences: int
    """Sequences in all shards; 0 only in a part."""
    tokens: int
    """Tokens in all shards, special tokens included."""
    dtype: str
    """How an id is stored: uint16 or uint32."""
    shards: tuple[Shard, ...]
    """The files, in order."""
    fingerprint: str
    """SHA-256 of manifest.json, which holds the checksums of all else: equal for equal corpora only."""

    @property
    def pad_id(self) -> int | None:
        """Id of the padding token, None if the tokenizer has none."""
        return self.special_ids.get("pad")

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Reads the text of a manifest.json that `Corpus` accepts; nothing is checked here."""
        content = json.loads(text)
        tokenizer, options, totals = content["tokenizer"], content["options"], content["totals"]
        return cls(
            version=content["version"],
            tokenizer_sha256=tokenizer["sha256"],
            vocabulary_size=tokenizer["vocabulary_size"],
            largest_id=tokenizer["largest_id"],
            special_ids=tokenizer["special_ids"],
            max_length=options["max_length"],
            joined=options["documents"] == "join",
            max_sequences=options["max_sequences"],
            text_column=options["text_column"],
            text_documents=options.get("text_documents", "lines"),
            windows=options.get("windows", "tokens"),
            sources=tuple(content["sources"]),
            part=Part(**content["part"]) if "part" in content else None,
            documents=totals["documents"],
            empty_documents=totals["empty_documents"],
            skipped_records=totals["skipped_records"],
            skipped=tuple(SkippedRecord(**record) for record in content["skipped"]),
            sequences=totals["sequences"],
            tokens=totals["tokens"],
            dtype=content["dtype"],
            shards=tuple(
                Shard(shard["name"], shard["sequences"], shard["tokens"], shard["bytes"]) for shard in content["shards"]
            ),
            fingerprint=sha256(text.encode()).hexdigest(),
        )
