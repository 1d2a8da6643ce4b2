//! Text to token ids, token ids to batches, without Python.
//!
//! A *corpus* is a folder of Arrow IPC files and a `manifest.json` that vouches for them. [`tokenize()`] makes one
//! from text, [`Corpus`] reads it through memory maps, and [`Batches`] hands out an endless, seeded,
//! reproducible sequence of batches, of which each rank of a distributed run takes its share.
//!
//! The way of the data, file by file:
//! `input_files` → `file_chunks` → `record` → `encoder` (in `encoding_threads`) → `joiner` → `corpus_writer` → `shard_writer`,
//! cut into `parts` and put together by `merge`, with what an interrupted build left in `journal`, then `corpus` → `shard` → `order` → `rank_shares` → `batch` → `micro_batches`.
#![deny(missing_docs)]

// Shards are little-endian and are read where they lie.
#[cfg(target_endian = "big")]
compile_error!("reldistill-loader maps little-endian files into memory and does not run on big-endian machines");

mod batch;
mod batches;
mod checksums;
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
mod manifest;
mod merge;
mod micro_batches;
mod order;
mod parquet_rows;
mod parts;
mod permutation;
mod piece_cache;
mod pieces;
mod prefetch;
mod rank_shares;
mod record;
mod shard;
mod shard_layout;
mod shard_writer;
mod special_tokens;
mod tokenize;
mod watch;

pub use batch::{Batch, PackedMicroBatch, PaddedMicroBatch};
pub use batches::{BatchOptions, Batches, BatchesState};
pub use checksums::BLOCK_BYTES;
pub use compression::Compression;
pub use corpus::{Corpus, Verify};
pub use encoder::{Encoder, Scratch};
pub use error::{Error, ErrorKind, Result};
pub use file_chunks::{CHUNK_BYTES, Chunk, ChunkSource, ChunkText, FileChunks, Position, Source};
pub use input_files::{InputFile, TextFormat, find_input_files};
pub use manifest::{Manifest, Options, PartEntry, ShardEntry, SkippedRecord, TokenDtype, TokenizerEntry, Totals};
pub use merge::merge_parts;
pub use order::GlobalOrder;
pub use parts::Part;
pub use permutation::Permutation;
pub use rank_shares::rank_shares;
pub use shard::TokenIds;
pub use tokenize::{Documents, OnError, Progress, TokenizeOptions, tokenize};
