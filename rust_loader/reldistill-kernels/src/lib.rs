//! The parts of a training step that torch computes slowly on a CPU: the relation loss, attention with dropout, and dropout
//! itself.
//!
//! The first two are products of narrow heads with a softmax between, so that maps of tokens times tokens are far larger than what
//! goes in and comes out. Here a map exists in strips of a few rows alone, which stay in a core's cache.
//!
//! `relation` is the loss, `attention` is attention, `dropout` is dropout. They are built of: `values` (fp32 or bf16 that others own), `panels` (a head
//! laid out for the products), `products`, `exponential`, all in terms of `vector`; `instruction_set` picks the widest
//! vectors that the processor has, `threads` deals heads out.
//!
//! Results do not depend on the number of threads: each head is computed by one thread, writes elements of its own,
//! and sums over heads are added in a fixed order.
#![deny(missing_docs)]
#![allow(clippy::needless_range_loop, reason = "iterators are not always inlined: see `instruction_set`")]

pub mod attention;
mod dropout;
mod error;
mod exponential;
mod instruction_set;
mod panels;
mod products;
pub mod relation;
mod threads;
mod values;
mod vector;

pub use dropout::dropout;
pub use error::Error;
pub use instruction_set::InstructionSet;
pub use values::{Values, ValuesMut};
