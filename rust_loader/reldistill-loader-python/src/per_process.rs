//! A value behind a lock that a forked child makes anew.

use std::process;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A value behind a lock, one for each process.
///
/// A fork copies the lock but only one thread: if another one held it, it stays locked in the child for ever, and what
/// is behind it may be half altered. So a child leaves it alone, and makes a value of its own when it first asks.
pub(crate) struct PerProcess<T>(AtomicPtr<Owned<T>>);

struct Owned<T> {
    process: u32,
    value: Mutex<T>,
}

impl<T> PerProcess<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(AtomicPtr::new(Owned::boxed(value)))
    }

    /// The value of this process, locked; `anew` makes it in a forked child.
    pub(crate) fn lock(&self, anew: impl FnOnce() -> T) -> MutexGuard<'_, T> {
        let mut owned = self.0.load(Ordering::Acquire);
        // SAFETY: it came from a box, which is not freed before this is dropped.
        if unsafe { &*owned }.process != process::id() {
            let own = Owned::boxed(anew());
            match self.0.compare_exchange(owned, own, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => owned = own,
                Err(faster) => {
                    // SAFETY: nobody else has seen it.
                    drop(unsafe { Box::from_raw(own) });
                    owned = faster;
                }
            }
        }
        // SAFETY: as above.
        unsafe { &*owned }.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Owned<T> {
    fn boxed(value: T) -> *mut Self {
        Box::into_raw(Box::new(Self { process: process::id(), value: Mutex::new(value) }))
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        let owned = *self.0.get_mut();
        // SAFETY: it came from a box, and this is dropped once. A child does not touch its parent's.
        unsafe {
            if (*owned).process == process::id() {
                drop(Box::from_raw(owned));
            }
        }
    }
}
