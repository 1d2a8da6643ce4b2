//! Memory that batches are laid out in, and that is used again when nobody looks at it any more.
//!
//! A batch of the same size comes again and again. Fresh memory for each would be mapped, cleared and faulted in page
//! by page by the system, which costs more than filling it.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::any::Any;
use std::mem::ManuallyDrop;
use std::process;
use std::ptr::NonNull;
use std::slice;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Result;

/// Buffers are whole pages: so that what is registered with a device shares no page with anything else.
const PAGE_BYTES: usize = 4096;
/// Buffers that wait to be used again; more than these are given back to the system.
const MOST_FREE: usize = 64;

/// What registers new memory, with a device for example, and keeps it so as long as its result lives.
pub type Register = dyn Fn(NonNull<u8>, usize) -> Result<Box<dyn Any + Send + Sync>> + Send + Sync;

/// An integer type in which ids and positions are handed out.
pub trait Integer: Copy + Send + Sync + sealed::Sealed {
    /// From what the caller knows to fit.
    fn of(value: u32) -> Self;
}

impl Integer for i32 {
    fn of(value: u32) -> Self {
        value as i32
    }
}

impl Integer for i64 {
    fn of(value: u32) -> Self {
        i64::from(value)
    }
}

mod sealed {
    /// Only integers: each bit pattern is a value, so that memory used before may be handed out.
    pub trait Sealed {}
    impl Sealed for i32 {}
    impl Sealed for i64 {}
}

/// Buffers to be used again. Cheap to share; a lock is held for a moment only, and never across a fork's child.
pub struct BufferPool {
    free: Mutex<Vec<Memory>>,
    register: Option<Arc<Register>>,
    process: u32,
}

impl BufferPool {
    /// A pool for this process; `register` is told of each piece of memory when it is made.
    pub fn new(register: Option<Arc<Register>>) -> Arc<Self> {
        Arc::new(Self { free: Mutex::new(Vec::new()), register, process: process::id() })
    }

    /// Whether it was made in this process. A forked child leaves its parent's alone: a thread that does not exist in the
    /// child may have held the lock.
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.process == process::id()
    }

    /// The same for a process that was forked.
    pub(crate) fn anew(&self) -> Arc<Self> {
        Self::new(self.register.clone())
    }

    /// A buffer that holds `count` integers and is somewhat larger; what is in it is left over from before.
    ///
    /// # Errors
    /// What the registration of new memory says.
    pub fn take<T: Integer>(self: &Arc<Self>, count: usize) -> Result<Buffer> {
        let bytes = (count * size_of::<T>()).max(1);
        let memory = match self.used_before(bytes) {
            Some(memory) => memory,
            None => Memory::new(rounded(bytes), self.register.as_deref().filter(|_| self.is_of_this_process()))?,
        };
        Ok(Buffer { memory: ManuallyDrop::new(memory), pool: self.clone() })
    }

    fn used_before(&self, bytes: usize) -> Option<Memory> {
        if !self.is_of_this_process() {
            return None;
        }
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = free.iter().enumerate().filter(|(_, memory)| memory.bytes() >= bytes);
        let smallest = fitting.min_by_key(|(_, memory)| memory.bytes()).map(|(position, _)| position);
        smallest.map(|position| free.swap_remove(position))
    }

    fn give_back(&self, memory: Memory) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < MOST_FREE {
            free.push(memory);
        } else {
            drop(free);
            drop(memory);
        }
    }
}

/// Batches differ a little in size: rounded up, one's memory fits the next.
fn rounded(bytes: usize) -> usize {
    bytes.next_multiple_of((bytes.next_power_of_two() / 8).max(PAGE_BYTES))
}

/// Memory of one owner. Dropped, it goes back to its pool.
pub struct Buffer {
    memory: ManuallyDrop<Memory>,
    pool: Arc<BufferPool>,
}

impl Buffer {
    /// Its first `count` integers.
    ///
    /// # Panics
    /// If it is smaller.
    pub fn as_mut_slice<T: Integer>(&mut self, count: usize) -> &mut [T] {
        assert!(count * size_of::<T>() <= self.memory.bytes(), "a buffer holds what it was taken for");
        // SAFETY: the memory is that large, aligned to a page, was written once (zeroes) and has one owner, which is
        // borrowed here; each bit pattern is a value of T.
        unsafe { slice::from_raw_parts_mut(self.memory.start.cast().as_ptr(), count) }
    }

    /// Its first `count` integers, to be looked at while nobody writes to them.
    ///
    /// # Panics
    /// If it is smaller.
    pub fn as_slice<T: Integer>(&self, count: usize) -> &[T] {
        assert!(count * size_of::<T>() <= self.memory.bytes(), "a buffer holds what it was taken for");
        // SAFETY: as above; who hands its address out does not call this any more.
        unsafe { slice::from_raw_parts(self.memory.start.cast().as_ptr(), count) }
    }

    /// Where it starts: for those who hand it out together with what keeps it alive.
    pub fn start(&self) -> NonNull<u8> {
        self.memory.start
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: taken once, here, and not used after.
        let memory = unsafe { ManuallyDrop::take(&mut self.memory) };
        if self.pool.is_of_this_process() {
            self.pool.give_back(memory);
        } else {
            memory.leave_to_the_parent();
        }
    }
}

/// Whole pages, and what registered them.
struct Memory {
    start: NonNull<u8>,
    layout: Layout,
    /// Dropped before the pages are.
    registration: Option<Box<dyn Any + Send + Sync>>,
}

// SAFETY: it is the only owner of its pages and gives access to them only through a borrow of itself or an address.
unsafe impl Send for Memory {}
// SAFETY: a shared Memory gives nothing but its address and size.
unsafe impl Sync for Memory {}

impl Memory {
    fn new(bytes: usize, register: Option<&Register>) -> Result<Self> {
        let layout =
            Layout::from_size_align(bytes, PAGE_BYTES).expect("batches are far smaller than the address space");
        // SAFETY: the size is not 0.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap_or_else(|| handle_alloc_error(layout));
        let mut memory = Self { start, layout, registration: None };
        if let Some(register) = register {
            memory.registration = Some(register(start, bytes)?);
        }
        Ok(memory)
    }

    fn bytes(&self) -> usize {
        self.layout.size()
    }

    /// What registered it is the parent's; the pages of a child's copy end with the child.
    fn leave_to_the_parent(mut self) {
        if let Some(registration) = self.registration.take() {
            std::mem::forget(registration);
            std::mem::forget(self);
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        drop(self.registration.take());
        // SAFETY: allocated with this layout, freed once.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn memory_is_used_again_when_it_was_dropped() {
        let pool = BufferPool::new(None);
        let mut first = pool.take::<i64>(1000).unwrap();
        first.as_mut_slice::<i64>(1000).fill(7);
        let start = first.start();
        let second = pool.take::<i64>(1000).unwrap();
        assert_ne!(second.start(), start);
        drop(first);
        let third = pool.take::<i32>(1900).unwrap();
        assert_eq!(third.start(), start);
        assert_eq!(start.as_ptr() as usize % PAGE_BYTES, 0);
    }

    #[test]
    fn the_smallest_that_fits_is_taken() {
        let pool = BufferPool::new(None);
        let (large, small) = (pool.take::<i64>(1 << 20).unwrap(), pool.take::<i64>(1 << 10).unwrap());
        let start = small.start();
        drop((large, small));
        assert_eq!(pool.take::<i64>(1 << 10).unwrap().start(), start);
        assert_ne!(pool.take::<i64>(1 << 11).unwrap().start(), start);
    }

    #[test]
    fn sizes_are_rounded_little() {
        for bytes in [1, 4096, 4097, 100_000, 300_000, 1 << 20, (1 << 20) + 1] {
            let size = rounded(bytes);
            assert!(size >= bytes && size <= bytes + (bytes / 4).max(PAGE_BYTES), "{bytes}: {size}");
        }
    }

    #[test]
    fn memory_is_registered_once_and_for_as_long_as_it_lives() {
        struct Registered(Arc<AtomicUsize>);
        impl Drop for Registered {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let (made, alive) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (counted, living) = (made.clone(), alive.clone());
        let pool = BufferPool::new(Some(Arc::new(move |_, bytes| {
            assert_eq!(bytes % PAGE_BYTES, 0);
            counted.fetch_add(1, Ordering::Relaxed);
            living.fetch_add(1, Ordering::Relaxed);
            Ok(Box::new(Registered(living.clone())))
        })));
        for _ in 0..10 {
            drop((pool.take::<i64>(5000).unwrap(), pool.take::<i64>(5000).unwrap()));
        }
        assert_eq!((made.load(Ordering::Relaxed), alive.load(Ordering::Relaxed)), (2, 2));
        drop(pool);
        assert_eq!(alive.load(Ordering::Relaxed), 0);
    }
}
