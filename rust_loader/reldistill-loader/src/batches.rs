//! The endless sequence of batches of one rank, and its position.

use std::sync::Arc;
use std::time::Duration;

use crate::batch::{Batch, IdDtype, Layout, Reader};
use crate::buffer::{BufferPool, Register};
use crate::error::{Error, Result};
use crate::mixture::Mixture;
use crate::order::ORDER_VERSION;
use crate::prefetch::{Prefetch, Taken};

const MOST_AHEAD: usize = 1024;
const MOST_THREADS: usize = 256;
/// A global batch is sorted in memory as a whole.
const MOST_SEQUENCES: u64 = 1 << 24;

/// Which batches, and whose share of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchOptions {
    /// What distinguishes the order from others.
    pub seed: u64,
    /// Sequences in a global batch.
    pub batch_size: u64,
    /// This rank, from 0.
    pub rank: usize,
    /// Ranks in all.
    pub world_size: usize,
    /// Batches to read ahead in threads; 0 reads each when it is asked for.
    pub prefetch: usize,
    /// Threads that read ahead; more than one pays where the disk is slow. They do not alter a batch.
    pub threads: usize,
    /// How sequences are laid out.
    pub layout: Layout,
    /// The integers of ids and positions.
    pub dtype: IdDtype,
}

impl Default for BatchOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            batch_size: 256,
            rank: 0,
            world_size: 1,
            prefetch: 4,
            threads: 1,
            layout: Layout::Packed { position_offset: 0 },
            dtype: IdDtype::Int64,
        }
    }
}

/// Where in its order a run is; the same for all ranks, and valid for any number of ranks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchesState {
    /// Number of the global batch that comes next.
    pub next_batch: u64,
    /// The seed.
    pub seed: u64,
    /// Sequences in a global batch.
    pub batch_size: u64,
    /// Sequences in all corpora.
    pub sequences: u64,
    /// [`Mixture::fingerprint`].
    pub corpus: String,
    /// Version of the order.
    pub order: u64,
}

/// One rank's batches, for ever.
pub struct Batches {
    source: Arc<Mixture>,
    options: BatchOptions,
    pool: Arc<BufferPool>,
    next_batch: u64,
    prefetch: Option<Prefetch>,
}

impl Batches {
    /// The batches of a corpus or of several, from the first on. Nothing is read before the first one is asked for.
    ///
    /// `register` is told of memory that batches are laid out in when it is made, which is seldom: it is used again.
    ///
    /// # Errors
    /// [`Error::Argument`].
    pub fn new(source: Arc<Mixture>, options: BatchOptions, register: Option<Arc<Register>>) -> Result<Self> {
        let wrong =
            |name, value: u64, allowed: String| Err(Error::Argument { name, value: value.to_string(), allowed });
        if !(1..=MOST_SEQUENCES).contains(&options.batch_size) {
            let allowed = format!("pass the sequences of a global batch, 1 to {MOST_SEQUENCES}");
            return wrong("batch_size", options.batch_size, allowed);
        }
        if options.world_size == 0 {
            return wrong("world_size", 0, "pass the number of ranks, at least 1".into());
        }
        if options.rank >= options.world_size {
            let allowed = format!("with world_size = {} pass 0 to {}", options.world_size, options.world_size - 1);
            return wrong("rank", options.rank as u64, allowed);
        }
        if options.prefetch > MOST_AHEAD {
            return wrong("prefetch", options.prefetch as u64, format!("pass 0 to {MOST_AHEAD} batches"));
        }
        if !(1..=MOST_THREADS).contains(&options.threads) {
            return wrong("threads", options.threads as u64, format!("pass 1 to {MOST_THREADS} threads"));
        }
        if options.dtype == IdDtype::Int32 && i32::try_from(source.largest_id()).is_err() {
            return wrong("largest id", u64::from(source.largest_id()), "it does not fit int32; take int64".into());
        }
        Ok(Self { source, options, pool: BufferPool::new(register), next_batch: 0, prefetch: None })
    }

    /// What they are drawn from.
    pub fn source(&self) -> &Arc<Mixture> {
        &self.source
    }

    /// The options they were made with.
    pub fn options(&self) -> &BatchOptions {
        &self.options
    }

    /// The next batch, if it is there before `patience` runs out.
    ///
    /// # Errors
    /// [`Error::Shard`] if it is damaged. The position stays where it is: asked again, it fails again, and never
    /// passes over a batch.
    pub fn next(&mut self, patience: Duration) -> Result<Option<Batch>> {
        let batch = if self.options.prefetch == 0 {
            self.reader().read(self.next_batch)
        } else {
            let next_batch = self.next_batch;
            match self.prefetch()?.take(next_batch, patience) {
                Taken::NotYet => return Ok(None),
                Taken::Batch(batch) => batch,
                // Read it here: either it works after all, or what is wrong with it happens where it is heard.
                Taken::Ended => self.reader().read(self.next_batch),
            }
        };
        match batch {
            Ok(batch) => {
                self.next_batch += 1;
                Ok(Some(batch))
            }
            Err(error) => {
                self.prefetch = None;
                Err(error)
            }
        }
    }

    /// The position after the batches that were handed out; what was only read ahead does not count.
    pub fn state(&self) -> BatchesState {
        BatchesState {
            next_batch: self.next_batch,
            seed: self.options.seed,
            batch_size: self.options.batch_size,
            sequences: self.source.sequences(),
            corpus: self.source.fingerprint().to_owned(),
            order: ORDER_VERSION,
        }
    }

    /// Goes to a saved position, in constant time.
    ///
    /// # Errors
    /// [`Error::State`] if it belongs to another corpus, seed or batch size; nothing has changed then.
    pub fn load_state(&mut self, state: &BatchesState) -> Result<()> {
        let here = self.state();
        let differences: Vec<String> = [
            ("corpus", state.corpus.clone(), here.corpus),
            ("sequences", state.sequences.to_string(), here.sequences.to_string()),
            ("seed", state.seed.to_string(), here.seed.to_string()),
            ("batch_size", state.batch_size.to_string(), here.batch_size.to_string()),
            ("order", state.order.to_string(), here.order.to_string()),
        ]
        .into_iter()
        .filter(|(_, saved, here)| saved != here)
        .map(|(name, saved, here)| format!("{name} is {saved} in the state and {here} here"))
        .collect();
        if !differences.is_empty() {
            let difference = format!("{}; make the batches as they were when it was saved", differences.join(", "));
            return Err(Error::State { difference });
        }
        self.go_to(state.next_batch);
        Ok(())
    }

    /// Number of the global batch that comes next.
    pub fn next_batch(&self) -> u64 {
        self.next_batch
    }

    /// Goes to global batch `number`, in constant time.
    pub fn go_to(&mut self, number: u64) {
        self.next_batch = number;
        self.prefetch = None;
    }

    fn prefetch(&mut self) -> Result<&Prefetch> {
        if self.prefetch.as_ref().is_none_or(|prefetch| !prefetch.is_alive()) {
            let BatchOptions { prefetch, threads, .. } = self.options;
            let started = Prefetch::start(self.reader(), self.next_batch, prefetch, threads)
                .map_err(Error::io("start a thread to read", self.source.corpora()[0].folder()))?;
            self.prefetch = Some(started);
        }
        Ok(self.prefetch.as_ref().expect("it was just started"))
    }

    fn reader(&mut self) -> Reader {
        if !self.pool.is_of_this_process() {
            self.pool = self.pool.anew();
        }
        let BatchOptions { seed, batch_size, rank, world_size, layout, dtype, .. } = self.options;
        let order = self.source.order(seed, batch_size);
        Reader { source: self.source.clone(), order, rank, world_size, layout, dtype, pool: self.pool.clone() }
    }
}
