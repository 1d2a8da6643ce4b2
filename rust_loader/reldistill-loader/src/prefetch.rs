//! A thread that reads batches ahead.

use std::mem::ManuallyDrop;
use std::process;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::batch::Batch;
use crate::error::Result;

/// Batches that are read ahead, in order. Dropped, it lets its thread go, also one that waits for room.
pub(crate) struct Prefetch {
    /// A fork copies no thread but a channel that its thread may just have locked: a child must not even drop it.
    batches: ManuallyDrop<Receiver<Result<Batch>>>,
    process: u32,
}

impl Prefetch {
    /// Starts to read batches `first`, `first + 1`, …, at most `ahead` of them before they are asked for.
    ///
    /// After an error there are no more batches.
    pub(crate) fn start(
        first: u64,
        ahead: usize,
        read: impl Fn(u64) -> Result<Batch> + Send + 'static,
    ) -> std::io::Result<Self> {
        // The thread itself holds one more that waits for room.
        let (sender, batches) = mpsc::sync_channel(ahead - 1);
        thread::Builder::new().name("prefetch".to_owned()).spawn(move || {
            for number in first.. {
                let batch = read(number);
                let last = batch.is_err();
                if sender.send(batch).is_err() || last {
                    break;
                }
            }
        })?;
        Ok(Self { batches: ManuallyDrop::new(batches), process: process::id() })
    }

    /// Whether its thread is one of this process, and not of the one that this process was forked from.
    pub(crate) fn is_alive(&self) -> bool {
        self.process == process::id()
    }

    /// The next batch, if it is there before `patience` runs out.
    pub(crate) fn take(&self, patience: Duration) -> Taken {
        match self.batches.recv_timeout(patience) {
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
            unsafe { ManuallyDrop::drop(&mut self.batches) };
        }
    }
}
