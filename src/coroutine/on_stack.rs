//! Calling a function on a stack of its own, and how much of a stack is left.

#![allow(unsafe_code)]

use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::thread;

use super::header::stack_pointer;
use crate::arch;
use crate::stack::{self, Record, Stack, Use};

/// What lies at the base of a stack that was called to.
#[repr(C, align(64))]
struct CallFrame {
    /// The caller's stack pointer, or near it.
    caller: usize,
}

/// Calls a function on a fresh guarded stack of at least `size_bytes`, and returns what it
/// returns: for recursion that is deeper than the running stack.
///
/// ```
/// fn depth(n: u32) -> u32 {
///     if n == 0 { 0 } else { 1 + std::hint::black_box(depth(n - 1)) }
/// }
/// assert_eq!(selvedge::on_stack(64 * 1024 * 1024, || depth(200_000)), 200_000);
/// ```
///
/// The function runs at once, on this thread, and may borrow. A coroutine's yielder can't be
/// used in it.
///
/// # Panics
/// With what the function panics with; if there is no stack of this size to be had.
#[track_caller]
pub fn on_stack<R, F: FnOnce() -> R>(size_bytes: usize, f: F) -> R {
    let stack = match Stack::acquire(size_bytes) {
        Ok(stack) => stack,
        Err(error) => panic!("selvedge: no stack to call on: {error}"),
    };
    stack.record().label(Use::Call, None, Location::caller());
    let mut call = Call {
        f: ManuallyDrop::new(f),
        result: None,
    };
    // SAFETY: the stack is unused and holds the frame and much more; its base is aligned to a
    // cache line, and so is what is below the frame. `run` is called with its own kind of call
    // and catches what unwinds. Afterwards nothing lives on the stack.
    unsafe {
        let base = stack.base().sub(size_of::<CallFrame>());
        base.cast::<CallFrame>().write(CallFrame {
            caller: stack_pointer(),
        });
        arch::on_stack(base, run::<R, F>, (&raw mut call).cast());
        stack.release();
    }
    match call.result {
        Some(Ok(value)) => value,
        Some(Err(payload)) => resume_unwind(payload),
        None => unreachable!("the call came back without a result"),
    }
}

/// The number of bytes between the stack pointer and the limit of the stack that the running
/// code is on, be it a coroutine's, an [`on_stack`] call's or the thread's own.
///
/// `None` if it is neither of them, or the platform does not tell a thread's bounds.
///
/// ```
/// use selvedge::{Coroutine, Yielder, remaining_stack};
///
/// let mut coroutine = Coroutine::new(|_: &Yielder<(), ()>, ()| remaining_stack());
/// let left = coroutine.resume().unwrap_complete().unwrap();
/// assert!(left > 200 * 1024 && left <= 260 * 1024);
/// ```
#[must_use]
pub fn remaining_stack() -> Option<usize> {
    stack::remaining(stack_pointer())
}

/// The stack pointer of whoever called to this stack.
pub(super) fn caller_of(record: &Record) -> usize {
    debug_assert_eq!(record.in_use(), Use::Call);
    let frame = std::ptr::from_ref(record) as usize - size_of::<CallFrame>();
    // SAFETY: `on_stack` wrote the frame before anything ran on the stack.
    unsafe { (*(frame as *const CallFrame)).caller }
}

/// A call and its result, on the caller's stack.
struct Call<R, F> {
    f: ManuallyDrop<F>,
    result: Option<thread::Result<R>>,
}

/// # Safety
/// `data` is a [`Call`] of these types whose function was not taken.
unsafe extern "C" fn run<R, F: FnOnce() -> R>(data: *mut ()) {
    // SAFETY: the caller's word; the caller of `on_stack` waits, so nobody else looks at it.
    let call = unsafe { &mut *data.cast::<Call<R, F>>() };
    // SAFETY: taken once.
    let f = unsafe { ManuallyDrop::take(&mut call.f) };
    call.result = Some(catch_unwind(AssertUnwindSafe(f)));
}
