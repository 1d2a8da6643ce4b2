//! Threads that encode chunks; results come back in any order, with their number.
//!
//! Our own threads, not rayon's: a global pool does not survive a fork, and these end with the build.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::chunk::{Chunk, ChunkText, Position, Source};
use crate::encoder::{Encoder, Scratch};
use crate::paragraphs::paragraph_lines;
use crate::record::{Record, json_line, text_line};

/// A chunk after encoding.
pub(crate) struct EncodedChunk {
    pub(crate) source: Arc<Source>,
    pub(crate) first: u64,
    pub(crate) bytes: u64,
    pub(crate) position: Position,
    /// What each line or document gave, in order.
    pub(crate) outcomes: Vec<Outcome>,
    /// The ids of all sequences, one after the other.
    pub(crate) ids: Vec<u32>,
    /// Where each sequence ends in `ids`.
    pub(crate) ends: Vec<usize>,
}

/// What a line or document gave.
pub(crate) enum Outcome {
    /// Nothing but white space.
    Blank,
    /// This many sequences.
    Document(usize),
    /// No document, for this reason.
    Fault(String),
}

/// A set of threads with work to come and results to go. Dropped, it asks them to stop and does not wait.
pub(crate) struct EncodingThreads {
    work: Sender<(u64, Chunk)>,
    results: Receiver<(u64, EncodedChunk)>,
    stop: Arc<AtomicBool>,
    submitted: u64,
    taken: u64,
    early: HashMap<u64, EncodedChunk>,
}

impl EncodingThreads {
    /// Starts `threads` threads.
    pub(crate) fn start(encoder: Arc<Encoder>, text_column: &str, threads: usize) -> std::io::Result<Self> {
        let (work, jobs) = mpsc::channel::<(u64, Chunk)>();
        let (done, results) = mpsc::channel();
        let jobs = Arc::new(Mutex::new(jobs));
        let stop = Arc::new(AtomicBool::new(false));
        for number in 0..threads {
            let (encoder, jobs, done, stop) = (encoder.clone(), jobs.clone(), done.clone(), stop.clone());
            let column = text_column.to_owned();
            thread::Builder::new().name(format!("encode-{number}")).spawn(move || {
                let mut scratch = Scratch::default();
                loop {
                    let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((number, chunk)) = job else { break };
                    let encoded = encode(&encoder, &mut scratch, &column, chunk, &stop);
                    if done.send((number, encoded)).is_err() {
                        break;
                    }
                }
            })?;
        }
        Ok(Self { work, results, stop, submitted: 0, taken: 0, early: HashMap::new() })
    }

    /// Chunks that were submitted and not taken yet.
    pub(crate) fn in_flight(&self) -> u64 {
        self.submitted - self.taken
    }

    /// Hands a chunk to the threads.
    pub(crate) fn submit(&mut self, chunk: Chunk) {
        // Threads end only after `self` is dropped, so there is always one that listens.
        let _ = self.work.send((self.submitted, chunk));
        self.submitted += 1;
    }

    /// The next chunk in the order of submission, if it is done before `patience` runs out.
    pub(crate) fn take(&mut self, patience: Duration) -> Option<EncodedChunk> {
        if !self.early.contains_key(&self.taken) {
            match self.results.recv_timeout(patience) {
                Ok((number, encoded)) => self.early.insert(number, encoded),
                Err(RecvTimeoutError::Timeout) => return None,
                Err(RecvTimeoutError::Disconnected) => {
                    unreachable!("encoding threads do not end before they are dropped")
                }
            };
        }
        let next = self.early.remove(&self.taken)?;
        self.taken += 1;
        Some(next)
    }
}

impl Drop for EncodingThreads {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn encode(encoder: &Encoder, scratch: &mut Scratch, column: &str, chunk: Chunk, stop: &AtomicBool) -> EncodedChunk {
    let Chunk { source, first, text, bytes, position } = chunk;
    let (outcomes, ids, ends) = (Vec::new(), Vec::new(), Vec::new());
    let mut encoded = EncodedChunk { source, first, bytes, position, outcomes, ids, ends };
    let mut add = |record: Record<'_>| {
        let outcome = match record {
            Ok(None) => Outcome::Blank,
            Ok(Some(document)) => encoded.document(encoder, scratch, &document),
            Err(cause) => Outcome::Fault(cause),
        };
        encoded.outcomes.push(outcome);
        !stop.load(Ordering::Relaxed)
    };
    match text {
        ChunkText::Lines(bytes) => {
            lines(&bytes).all(|line| add(text_line(line)));
        }
        ChunkText::Paragraphs(bytes) => {
            paragraph_lines(&bytes).all(add);
        }
        ChunkText::JsonLines(bytes) => {
            lines(&bytes).all(|line| add(json_line(line, column)));
        }
        ChunkText::Documents(documents) => {
            documents.into_iter().all(|document| add(document.map(|text| Some(text.into()))));
        }
    }
    encoded
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split_inclusive(|&byte| byte == b'\n')
}

impl EncodedChunk {
    fn document(&mut self, encoder: &Encoder, scratch: &mut Scratch, document: &str) -> Outcome {
        let (ids, ends) = (self.ids.len(), self.ends.len());
        let windows = encoder.windows(document, scratch, |window| {
            self.ids.extend_from_slice(window);
            self.ends.push(self.ids.len());
        });
        match windows {
            Ok(()) => Outcome::Document(self.ends.len() - ends),
            Err(cause) => {
                self.ids.truncate(ids);
                self.ends.truncate(ends);
                Outcome::Fault(cause)
            }
        }
    }
}
