//! What a frame has set for the thread, and takes back as it goes, also if it never goes: where the
//! coroutine that it is on is left behind for ever, its destructors never run.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr::{self, NonNull};

use super::header::Header;
use super::open_frame::OpenFrame;

/// What is to be undone, in the frame of [`undo_if_left`]. The frame goes and takes it off the list, or
/// is left for ever, and keeps its memory.
struct Entry<'a> {
    coroutine: NonNull<Header>,
    undo: &'a dyn Fn(),
    /// The next one of the thread's, which is an outer one as a rule.
    next: Cell<*const Entry<'static>>,
}

thread_local! {
    static FIRST: Cell<*const Entry<'static>> = const { Cell::new(ptr::null()) };
}

/// Calls a function, and `undo` if the coroutine on whose stack this is called is left behind for ever in
/// the middle of that. A thread's own stack can't be left behind. `undo` may not unwind.
///
/// Meanwhile the coroutine can't suspend: what was set for the thread would stay, and be taken back
/// wherever the coroutine goes on, or is dropped.
pub(crate) fn undo_if_left<R>(undo: &dyn Fn(), f: impl FnOnce() -> R) -> R {
    let open = OpenFrame::open();
    let Some(coroutine) = open.header() else {
        return f();
    };
    let entry = Entry {
        coroutine,
        undo,
        next: Cell::new(FIRST.get()),
    };
    FIRST.set((&raw const entry).cast());
    let _listed = Listed(&entry);
    f()
}

/// Takes an entry off the thread's list as its frame goes.
struct Listed<'a>(&'a Entry<'a>);

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        take_off(|entry| ptr::addr_eq(entry, self.0));
    }
}

/// Does what is to be done because a coroutine is left behind, the newest first.
pub(super) fn undo_all(coroutine: &Header) {
    // One at a time: what is done may get here again.
    while let Some(entry) = take_off(|entry| ptr::eq(entry.coroutine.as_ptr(), coroutine)) {
        (entry.undo)();
    }
}

/// Takes the first entry off the list that is wanted.
fn take_off<'a>(is_wanted: impl Fn(&Entry<'_>) -> bool) -> Option<&'a Entry<'a>> {
    let mut before: Option<&Entry<'a>> = None;
    // SAFETY: entries are on the list as long as their frames are there, which keep them where they are;
    // what they borrow outlives those frames. The one that is answered is used before its frame goes.
    while let Some(entry) = unsafe { before.map_or(FIRST.get(), |it| it.next.get()).as_ref() } {
        if is_wanted(entry) {
            match before {
                None => FIRST.set(entry.next.get()),
                Some(before) => before.next.set(entry.next.get()),
            }
            return Some(entry);
        }
        before = Some(entry);
    }
    None
}
