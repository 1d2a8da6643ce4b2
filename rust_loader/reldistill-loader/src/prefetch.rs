//! Threads that read batches ahead.

use std::mem::ManuallyDrop;
use std::process;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::batch::{Batch, Reader};
use crate::error::Result;

/// Batches that are read ahead, in order. Dropped, it lets its threads go, also those that wait for room.
pub(crate) struct Prefetch {
    /// Thread `t` of `T` reads each `T`-th batch, from the `t`-th on.
    ///
    /// A fork copies no thread but channels that a thread may just have locked: a child must not even drop them.
    threads: ManuallyDrop<Vec<Receiver<Result<Batch>>>>,
    first: u64,
    process: u32,
}

impl Prefetch {
    /// Starts to read batches `first`, `first + 1`, …, some `ahead` of them before they are asked for.
    ///
    /// A thread ends after an error.
    pub(crate) fn start(reader: Reader, first: u64, ahead: usize, threads: usize) -> std::io::Result<Self> {
        let reader = Arc::new(reader);
        let threads = threads.clamp(1, ahead);
        let mut receivers = Vec::with_capacity(threads);
        for thread in 0..threads {
            // The thread itself holds one more that waits for room.
            let (sender, batches) = mpsc::sync_channel((ahead / threads).saturating_sub(1));
            let reader = reader.clone();
            thread::Builder::new().name(format!("prefetch-{thread}")).spawn(move || {
                for number in (first + thread as u64..).step_by(threads) {
                    let batch = reader.read(number);
                    let last = batch.is_err();
                    if sender.send(batch).is_err() || last {
                        break;
                    }
                }
            })?;
            receivers.push(batches);
        }
        Ok(Self { threads: ManuallyDrop::new(receivers), first, process: process::id() })
    }

    /// Whether its threads are those of this process, and not of the one that this process was forked from.
    pub(crate) fn is_alive(&self) -> bool {
        self.process == process::id()
    }

    /// Batch `number`, the one after that taken last, if it is there before `patience` runs out.
    pub(crate) fn take(&self, number: u64, patience: Duration) -> Taken {
        let thread = (number - self.first) as usize % self.threads.len();
        match self.threads[thread].recv_timeout(patience) {
            Ok(batch) => Taken::Batch(batch),
            Err(RecvTimeoutError::Timeout) => Taken::NotYet,
            Err(RecvTimeoutError::Disconnected) => Taken::Ended,
        }
    }
}

/// What waiting for a batch gave.
pub(crate) enum Taken {
    Batch(Result<Batch>),
    NotYet,
    /// The thread is gone: an error was taken before, or it panicked.
    Ended,
}

impl Drop for Prefetch {
    fn drop(&mut self) {
        if self.is_alive() {
            // SAFETY: dropped once, here, and not used after.
            unsafe { ManuallyDrop::drop(&mut self.threads) };
        }
    }
}
