//! Text to token ids, token ids to batches, without Python.
//!
//! A *corpus* is a folder of Arrow IPC files and a `manifest.json` that vouches for them. [`tokenize()`] makes one
//! from text, [`Corpus`] reads it through memory maps, and [`Batches`] hands out an endless, seeded,
//! reproducible sequence of batches, of which each rank of a distributed run takes its share.
//!
//! The way of the data, file by file:
//! `input_files`, of which `parts` takes some → `file_chunks` (`line_chunks`, `row_chunks`) → `record` or `paragraphs` →
//! `encoder` and `borders` (in `encoding_threads`) → `joiner` → `corpus_writer` → `shard_writer`, and `merge` for parts;
//! what an interrupted build left stands in `journal`. Then
//! `corpus` → `shard` → `mixture` → `order` → `rank_shares` → `batch` (in `prefetch`) → `micro_batches`.
#![deny(missing_docs)]

// Shards are little-endian and are read where they lie.
#[cfg(target_endian = "big")]
compile_error!("reldistill-loader maps little-endian files into memory and does not run on big-endian machines");

mod batch;
mod batches;
mod borders;
mod buffer;
mod byte_trie;
mod checksums;
mod chunk;
mod compression;
mod corpus;
mod corpus_folder;
mod corpus_writer;
mod encoder;
mod encoding_threads;
mod error;
mod file_chunks;
mod folder_of_parts;
mod input_files;
mod joiner;
mod journal;
mod line_chunks;
mod manifest;
mod mapped_file;
mod merge;
mod micro_batches;
mod mixture;
mod model;
mod order;
mod paragraphs;
mod parquet_rows;
mod parts;
mod permutation;
mod piece_cache;
mod pieces;
mod prefetch;
mod rank_shares;
mod record;
mod row_chunks;
mod shard;
mod shard_layout;
mod shard_writer;
mod special_tokens;
mod tokenize;
mod unigram;
mod watch;

pub use batch::{Batch, IdDtype, Layout, PackedPiece, PaddedPiece};
pub use batches::{BatchOptions, Batches, BatchesState};
pub use buffer::{Buffer, BufferPool, Integer, Register};
pub use checksums::BLOCK_BYTES;
pub use chunk::{CHUNK_BYTES, Chunk, ChunkSource, ChunkText, Position, Source};
pub use compression::Compression;
pub use corpus::{Corpus, Verify};
pub use encoder::{Encoder, Scratch};
pub use error::{Error, ErrorKind, Result};
pub use file_chunks::FileChunks;
pub use input_files::{InputFile, TextFormat, find_input_files};
pub use manifest::{Manifest, Options, PartEntry, ShardEntry, SkippedRecord, TokenDtype, TokenizerEntry, Totals};
pub use merge::merge_parts;
pub use mixture::Mixture;
pub use order::{GlobalOrder, MIXTURE_BLOCK};
pub use parts::Part;
pub use permutation::Permutation;
pub use rank_shares::rank_shares;
pub use shard::TokenIds;
pub use tokenize::{Documents, OnError, Progress, TextDocuments, TokenizeOptions, Windows, tokenize};
