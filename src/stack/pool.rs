//! The thread's pool: warm stacks on a last-in, first-out list (warm.rs), cold and fresh ones in slabs.
//!
//! A released stack is *warm*: its first page is committed and in the cache, and the next coroutine gets
//! it. When the number of warm stacks exceeds the watermark, the pages of the coldest half are returned to
//! the system, in batches, never one at each exit. Slabs without a taken slot are unmapped then.
//!
//! Nothing here runs user code, so the borrows of the slab lists never overlap.

#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::io;
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::ptr::NonNull;
use std::rc::Rc;

use super::overflow;
use super::record::Record;
use super::sizes::{DEFAULT_STACK_SIZE_BYTES, PoolStats};
use super::slab::{Class, Slab};
use super::warm::WarmList;
use crate::sys::memory::{self, BATCH};
use crate::sys::signal;

/// How many warm stacks a class keeps by default.
const DEFAULT_WATERMARK: usize = 1024;

/// The number of slots in a class's first slab; each further slab has twice as many, up to the limits.
const FIRST_SLAB_SLOTS: usize = 16;
const MAX_SLAB_SLOTS: usize = 4096;
const MAX_SLAB_SIZE: usize = 2 << 30;

/// A thread's stacks, except those of the default size.
struct Pool {
    /// Shared pointers, because slabs point to their class: moving a `Box` would invalidate those pointers.
    others: RefCell<Vec<Rc<Class>>>,
    watermark: Cell<usize>,
}

thread_local! {
    /// The stacks of the default size. A thread-local without a destructor needs no check of its state at
    /// each use. `POOL` is created before the first stack, and its destructor calls [`Class::end`].
    static DEFAULT: ManuallyDrop<Class> =
        const { ManuallyDrop::new(Class::new(DEFAULT_STACK_SIZE_BYTES, DEFAULT_WATERMARK)) };
    static POOL: Pool = const {
        Pool {
            others: RefCell::new(Vec::new()),
            watermark: Cell::new(DEFAULT_WATERMARK),
        }
    };
    static IS_GONE: Cell<bool> = const { Cell::new(false) };
}

/// Acquires a stack of `usable_size` bytes, which is a whole number of pages.
///
/// # Errors
/// If the system has no address space, memory or mapping left. The pool is unchanged.
#[inline]
pub(super) fn acquire(usable_size: usize) -> io::Result<NonNull<Record>> {
    if usable_size == DEFAULT_STACK_SIZE_BYTES
        && let Some(record) = DEFAULT.with(|class| class.pop_warm())
    {
        return Ok(record);
    }
    acquire_slow(usable_size)
}

/// Acquires a stack of another size, or one that is not warm.
#[cold]
fn acquire_slow(usable_size: usize) -> io::Result<NonNull<Record>> {
    POOL.try_with(|pool| pool.acquire(usable_size))
        // While the thread is torn down it has no pool.
        .unwrap_or_else(|_| acquire_alone(usable_size))
}

/// Releases a stack.
///
/// # Safety
/// The record comes from [`acquire`] on this thread, and nothing uses its stack any more.
#[inline]
pub(super) unsafe fn release(record: NonNull<Record>) {
    // SAFETY: the caller's stack is taken, so its record is alive; the rest is forwarded to the caller.
    unsafe {
        match record.as_ref().is_default() {
            true => release_default(record),
            false => release_slow(record),
        }
    }
}

/// Releases a stack of the default size.
///
/// # Safety
/// As [`release`], and the stack has the default size.
#[inline]
pub(super) unsafe fn release_default(record: NonNull<Record>) {
    if !DEFAULT.with(|class| class.push_below_watermark(record)) {
        // SAFETY: forwarded to the caller.
        unsafe { release_slow(record) };
    }
}

/// Releases a stack of another size, a stack at the watermark, or a stack that has outlived its
/// thread's pool.
///
/// # Safety
/// As [`release`].
#[cold]
unsafe fn release_slow(record: NonNull<Record>) {
    // SAFETY: the stack is taken, so its record and its slab are alive. A slab's class is alive: the class
    // clears the pointer when it ends. Without a class nothing else counts the slab's slots.
    unsafe {
        let slab = record.as_ref().slab;
        if let Some(class) = slab.as_ref().class.get() {
            return class.as_ref().push_and_trim(record);
        }
        slab.as_ref().forget();
        if slab.as_ref().n_taken() == 0 {
            Slab::delete(slab);
        }
    }
}

/// Whether the thread's pool is destroyed, because the thread is being torn down. This check does not access the pool,
/// because the pool's first use determines its place in the order of destruction.
pub(super) fn is_gone() -> bool {
    IS_GONE.get()
}

/// The sums of the thread's counts.
pub(super) fn stats() -> PoolStats {
    let mut stats = PoolStats::default();
    let _ = POOL.try_with(|pool| pool.for_each(|class| class.add_to(&mut stats)));
    stats
}

/// Sets how many warm stacks each class keeps.
pub(super) fn set_watermark(n_stacks: usize) {
    let _ = POOL.try_with(|pool| {
        pool.watermark.set(n_stacks);
        pool.for_each(|class| {
            class.watermark.set(n_stacks);
            if class.n_warm() > n_stacks {
                class.trim(n_stacks);
            }
        });
    });
}

/// Returns the pages of all idle stacks to the system.
pub(super) fn trim() {
    let _ = POOL.try_with(|pool| {
        pool.for_each(|class| {
            class.trim(0);
        });
    });
}

/// Acquires a stack without a pool: a slab of one slot, which is deleted with the stack.
#[cold]
fn acquire_alone(usable_size: usize) -> io::Result<NonNull<Record>> {
    let slab = Slab::new(usable_size, 1)?;
    Slab::take(slab).inspect_err(|_| {
        // SAFETY: nothing was taken.
        unsafe { Slab::delete(slab) }
    })
}

impl Pool {
    fn acquire(&self, usable_size: usize) -> io::Result<NonNull<Record>> {
        if usable_size == DEFAULT_STACK_SIZE_BYTES {
            return DEFAULT.with(|class| class.acquire());
        }
        let mut others = self.others.borrow_mut();
        let known = others
            .iter()
            .position(|class| class.usable_size == usable_size);
        let index = known.unwrap_or_else(|| {
            others.push(Rc::new(Class::new(usable_size, self.watermark.get())));
            others.len() - 1
        });
        others[index].acquire()
    }

    fn for_each(&self, mut f: impl FnMut(&Class)) {
        DEFAULT.with(|class| f(class));
        self.others.borrow().iter().for_each(|class| f(class));
    }
}

impl Class {
    const fn new(usable_size: usize, watermark: usize) -> Self {
        Self {
            usable_size,
            warm: WarmList::new(),
            n_popped: Cell::new(0),
            watermark: Cell::new(watermark),
            slabs: RefCell::new(Vec::new()),
            n_fresh: Cell::new(0),
            n_trimmed: Cell::new(0),
        }
    }

    #[inline]
    fn pop_warm(&self) -> Option<NonNull<Record>> {
        let record = self.warm.pop()?;
        self.n_popped.set(self.n_popped.get() + 1);
        Some(record)
    }

    #[inline]
    fn n_warm(&self) -> usize {
        self.warm.len()
    }

    /// Pushes a stack. Returns `false` if the class already has the number of warm stacks that it keeps,
    /// which is 0 after its end.
    #[inline]
    fn push_below_watermark(&self, record: NonNull<Record>) -> bool {
        let has_room = self.n_warm() < self.watermark.get();
        if has_room {
            // SAFETY: `grow` has reserved room for all stacks of each slab, and a stack is on the list once.
            unsafe { self.warm.push(record) };
        }
        has_room
    }

    fn push_and_trim(&self, record: NonNull<Record>) {
        // SAFETY: as in `push_below_watermark`.
        unsafe { self.warm.push(record) };
        if self.n_warm() > self.watermark.get() {
            self.trim(self.watermark.get() / 2);
        }
    }

    fn acquire(&self) -> io::Result<NonNull<Record>> {
        if let Some(record) = self.pop_warm() {
            return Ok(record);
        }
        let slab = match self.slab_with_room() {
            Some(slab) => slab,
            None => self.grow()?,
        };
        let record = Slab::take(slab)?;
        self.n_fresh.set(self.n_fresh.get() + 1);
        Ok(record)
    }

    /// A slab with a free slot. The newest comes first: it is the likeliest.
    fn slab_with_room(&self) -> Option<NonNull<Slab>> {
        let mut slabs = self.slabs.borrow_mut();
        // SAFETY: slabs on the list are alive.
        let index = slabs
            .iter()
            .rposition(|slab| unsafe { slab.as_ref() }.has_room())?;
        // So that the next search finds it first.
        let last = slabs.len() - 1;
        slabs.swap(index, last);
        Some(slabs[last])
    }

    #[cold]
    fn grow(&self) -> io::Result<NonNull<Slab>> {
        signal::install(overflow::report);
        let mut slabs = self.slabs.borrow_mut();
        // SAFETY: slabs on the list are alive.
        let largest = slabs
            .iter()
            .map(|slab| unsafe { slab.as_ref() }.n_slots)
            .max();
        let fitting = (MAX_SLAB_SIZE / self.usable_size.max(1)).clamp(1, MAX_SLAB_SLOTS);
        let n_slots = largest.map_or(FIRST_SLAB_SLOTS, |n| 2 * n).min(fitting);
        let slab = Slab::new(self.usable_size, n_slots)?;
        // SAFETY: slabs on the list are alive, as is this one.
        let n_known: usize = slabs
            .iter()
            .map(|slab| unsafe { slab.as_ref() }.n_slots)
            .sum();
        // SAFETY: no slot of the slab is taken, and nothing else has its address.
        let undo = |error| unsafe {
            Slab::delete(slab);
            error
        };
        // SAFETY: as above.
        let n_slots = unsafe { slab.as_ref() }.n_slots;
        self.warm.make_room(n_known + n_slots).map_err(undo)?;
        // SAFETY: fresh and alive.
        unsafe { slab.as_ref() }
            .class
            .set(Some(NonNull::from(self)));
        slabs.push(slab);
        Ok(slab)
    }

    /// Keeps the warmest `keep` stacks, returns the pages of the others to the system and unmaps the slabs
    /// without a taken slot.
    #[cold]
    fn trim(&self, keep: usize) {
        let n_idle = self.n_warm().saturating_sub(keep);
        self.warm.take_coldest(n_idle, |idle| {
            for records in idle.chunks(BATCH) {
                let mut batch: [Range<usize>; BATCH] = std::array::from_fn(|_| 0..0);
                for (range, record) in batch.iter_mut().zip(records) {
                    // SAFETY: a warm stack counts as taken, so its record and its slab are alive; the record
                    // is read before its page is discarded.
                    unsafe {
                        let record = record.as_ref();
                        let slab = record.slab.as_ref();
                        *range = slab.pages(record.index);
                        slab.make_cold(record.index);
                    }
                }
                // SAFETY: nothing lives on idle stacks, and these are removed from the list.
                unsafe { memory::discard(&batch[..records.len()]) };
            }
        });
        self.n_trimmed.set(self.n_trimmed.get() + n_idle as u64);
        self.delete_idle_slabs();
    }

    fn delete_idle_slabs(&self) {
        self.slabs.borrow_mut().retain(|slab| {
            // SAFETY: slabs on the list are alive.
            let idle = unsafe { slab.as_ref() }.n_taken() == 0;
            if idle {
                // SAFETY: no slot is taken, and the slab is removed from the list.
                unsafe { Slab::delete(*slab) };
            }
            !idle
        });
    }

    /// Deletes idle slabs when the thread ends. A slab with a stack in use is deleted when its last stack is
    /// released, or leaked if that never happens.
    fn end(&self) {
        for record in self.warm.take() {
            // SAFETY: a warm stack counts as taken, so its record and its slab are alive.
            unsafe { record.as_ref().slab.as_ref() }.forget();
        }
        self.delete_idle_slabs();
        // Stacks of the default size that are released later must not be pushed.
        self.watermark.set(0);
        for slab in self.slabs.take() {
            // SAFETY: as above.
            unsafe { slab.as_ref() }.class.set(None);
        }
    }

    fn add_to(&self, stats: &mut PoolStats) {
        stats.n_warm += self.n_warm();
        stats.n_reused += self.n_popped.get();
        stats.n_fresh += self.n_fresh.get();
        stats.n_trimmed += self.n_trimmed.get();
        for slab in self.slabs.borrow().iter() {
            // SAFETY: slabs on the list are alive.
            let slab = unsafe { slab.as_ref() };
            stats.n_slabs += 1;
            stats.mapped_bytes += slab.mapped_size();
            stats.n_live += slab.n_taken();
            stats.n_cold += slab.n_cold();
        }
        stats.n_live -= self.n_warm();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        IS_GONE.set(true);
        self.for_each(Class::end);
    }
}
