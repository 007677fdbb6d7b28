//! What a frame has set for the thread, and takes back as it goes, also if it never goes: where the
//! coroutine that it is on is left behind for ever, its destructor never runs.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::header::Header;
use super::open_frame::innermost;

/// Done when the coroutine on whose stack this was made is left behind with it; dropped otherwise, with
/// nothing done. On a thread's own stack, which can't be left behind, it is nothing at all.
#[must_use = "it is for as long as it lives"]
#[derive(Debug)]
pub(crate) struct Undo(Option<u64>);

/// One of a thread's, the innermost last.
struct Entry {
    number: u64,
    coroutine: NonNull<Header>,
    undo: Box<dyn FnOnce()>,
}

thread_local! {
    /// Without a destructor, so that it is there as long as the thread is.
    static ENTRIES: Cell<ManuallyDrop<Vec<Entry>>> =
        const { Cell::new(ManuallyDrop::new(Vec::new())) };
}

impl Undo {
    /// `undo` makes what is to be done; it may not unwind when it does that.
    pub(crate) fn new<F: FnOnce() + 'static>(undo: impl FnOnce() -> F) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(innermost().map(|coroutine| {
            let number = NEXT.fetch_add(1, Relaxed);
            let undo = Box::new(undo());
            with_entries(|entries| {
                entries.push(Entry {
                    number,
                    coroutine,
                    undo,
                });
            });
            number
        }))
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        if let Some(number) = self.0 {
            let entry = with_entries(|entries| {
                let index = entries.iter().rposition(|entry| entry.number == number);
                index.map(|index| entries.remove(index))
            });
            drop(entry);
        }
    }
}

/// Does what is to be done because a coroutine is left behind, the newest first.
pub(super) fn undo_all(coroutine: &Header) {
    let is_its_own = |entry: &Entry| std::ptr::eq(entry.coroutine.as_ptr(), coroutine);
    // One at a time: what is done may get here again.
    while let Some(entry) = with_entries(|entries| {
        let index = entries.iter().rposition(is_its_own);
        index.map(|index| entries.remove(index))
    }) {
        (entry.undo)();
    }
}

/// Calls a function with the thread's entries, which may not look at them in another way.
fn with_entries<R>(f: impl FnOnce(&mut Vec<Entry>) -> R) -> R {
    let mut entries = ManuallyDrop::into_inner(ENTRIES.replace(ManuallyDrop::new(Vec::new())));
    let result = f(&mut entries);
    if entries.is_empty() {
        // Nothing is left when the thread ends.
        entries = Vec::new();
    }
    ENTRIES.set(ManuallyDrop::new(entries));
    result
}
