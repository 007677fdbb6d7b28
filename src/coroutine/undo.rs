//! Undo actions: if a coroutine is abandoned, they restore the thread's state that its frames have changed,
//! because the destructors of abandoned frames never run.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr::{self, NonNull};

use super::header::Header;
use super::open_frame::OpenFrame;

/// An undo action, in the frame of [`undo_if_abandoned`]. The frame unlinks it when it ends; an abandoned
/// frame keeps its memory.
struct UndoNode<'a> {
    coroutine: NonNull<Header>,
    undo: &'a dyn Fn(),
    /// The thread's next node, usually that of an outer frame.
    next: Cell<*const UndoNode<'static>>,
}

thread_local! {
    static FIRST: Cell<*const UndoNode<'static>> = const { Cell::new(ptr::null()) };
}

/// Runs `f`; runs `undo` if the current coroutine is abandoned meanwhile. A thread's own stack can't be
/// abandoned. `undo` must not unwind.
///
/// The open frame prevents a suspension of the coroutine meanwhile. After a suspension the thread would keep the
/// new value, and the old value would be restored wherever the coroutine is resumed or dropped.
pub(crate) fn undo_if_abandoned<R>(open: OpenFrame, undo: &dyn Fn(), f: impl FnOnce() -> R) -> R {
    let Some(coroutine) = open.header() else {
        return f();
    };
    let node = UndoNode {
        coroutine,
        undo,
        next: Cell::new(FIRST.get()),
    };
    FIRST.set((&raw const node).cast());
    let _linked = Linked(&node);
    f()
}

/// Unlinks a node when its frame ends.
struct Linked<'a>(&'a UndoNode<'a>);

impl Drop for Linked<'_> {
    fn drop(&mut self) {
        unlink(|node| ptr::addr_eq(node, self.0));
    }
}

/// Runs the undo actions of a coroutine that is being abandoned, newest first.
pub(super) fn undo_all(coroutine: &Header) {
    // One at a time: an action may get here again.
    while let Some(node) = unlink(|node| ptr::eq(node.coroutine.as_ptr(), coroutine)) {
        (node.undo)();
    }
}

/// Unlinks the first node that satisfies the predicate.
fn unlink<'a>(is_wanted: impl Fn(&UndoNode<'_>) -> bool) -> Option<&'a UndoNode<'a>> {
    let mut before: Option<&UndoNode<'a>> = None;
    // SAFETY: nodes are linked as long as their frames exist, and don't move; what they borrow outlives
    // those frames. The node that is returned is used before its frame ends.
    while let Some(node) = unsafe { before.map_or(FIRST.get(), |it| it.next.get()).as_ref() } {
        if is_wanted(node) {
            match before {
                None => FIRST.set(node.next.get()),
                Some(before) => before.next.set(node.next.get()),
            }
            return Some(node);
        }
        before = Some(node);
    }
    None
}
