//! Work dealt out to threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Computes each piece on one of at most so many threads, this one among them; `scratch` is made once a thread.
///
/// What comes of the pieces is in their order.
pub(crate) fn deal<T: Send, S: Default>(
    pieces: usize,
    threads: usize,
    compute: impl Fn(usize, &mut S) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let work = || {
        let (mut scratch, mut found) = (S::default(), Vec::new());
        loop {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if piece >= pieces {
                return found;
            }
            found.push((piece, compute(piece, &mut scratch)));
        }
    };
    let mut found = thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(pieces)).map(|_| scope.spawn(work)).collect();
        let mut found = work();
        for other in others {
            found.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        found
    });
    found.sort_unstable_by_key(|(piece, _)| *piece);
    found.into_iter().map(|(_, result)| result).collect()
}
