//! Calling a function on a separate stack, and the space left on a stack.

#![allow(unsafe_code)]

use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::thread;

use crate::arch::{self, stack_pointer};
use crate::stack::{self, Record, Stack};
use crate::sys::valgrind;

/// The data at the base of a stack that runs an [`on_stack`] call.
#[repr(C, align(64))]
struct CallFrame {
    /// The caller's stack pointer, approximately.
    caller: usize,
}

/// Calls a function on a fresh guarded stack of at least `size_bytes`, and returns what it
/// returns. For recursion that is too deep for the running stack.
///
/// ```
/// fn depth(n: u32) -> u32 {
///     if n == 0 { 0 } else { 1 + std::hint::black_box(depth(n - 1)) }
/// }
/// assert_eq!(selvedge::coroutine::on_stack(64 * 1024 * 1024, || depth(200_000)), 200_000);
/// ```
///
/// The function runs immediately, on this thread, and may borrow. It can't use a coroutine's yielder.
///
/// # Panics
/// If the function panics, with the same payload; if no stack of this size can be allocated.
#[track_caller]
pub fn on_stack<R, F: FnOnce() -> R>(size_bytes: usize, f: F) -> R {
    let stack = match Stack::acquire(size_bytes) {
        Ok(stack) => stack,
        Err(error) => panic!("selvedge: no stack to call on: {error}"),
    };
    stack.record().label_call(Location::caller());
    let mut call = Call {
        f: ManuallyDrop::new(f),
        result: None,
    };
    // SAFETY: the stack is unused and larger than the frame; its base is aligned to a cache line, and
    // so is the address below the frame. `run` gets a call of its own types and catches every unwind.
    // Afterwards nothing lives on the stack.
    unsafe {
        let base = stack.base().sub(size_of::<CallFrame>());
        base.cast::<CallFrame>().write(CallFrame {
            caller: stack_pointer(),
        });
        arch::on_stack(base, run::<R, F>, (&raw mut call).cast());
        valgrind::reuse(stack.record().usable());
        stack.release();
    }
    match call.result {
        Some(Ok(value)) => value,
        Some(Err(payload)) => resume_unwind(payload),
        None => unreachable!("the call came back without a result"),
    }
}

/// The number of bytes between the stack pointer and the limit of the running stack: a coroutine's, an
/// [`on_stack`] call's or the thread's own.
///
/// `None` on any other stack, or if the platform does not report a thread's bounds.
///
/// ```
/// use selvedge::coroutine::remaining_stack_bytes;
/// use selvedge::{Coroutine, Yielder};
///
/// let mut coroutine = Coroutine::new(|_: &Yielder<(), ()>, ()| remaining_stack_bytes());
/// let left = coroutine.resume().unwrap_complete().unwrap();
/// let size = selvedge::stack::DEFAULT_STACK_SIZE_BYTES;
/// assert!(left > size - 64 * 1024 && left <= size + 4 * 1024);
/// ```
#[must_use]
#[doc(alias = "remaining_stack")]
pub fn remaining_stack_bytes() -> Option<usize> {
    stack::remaining(stack_pointer())
}

/// The stack pointer of the caller of an [`on_stack`] call, approximately.
pub(super) fn caller_of(record: &Record) -> usize {
    debug_assert!(record.is_called());
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
    // SAFETY: guaranteed by the caller; the caller of `on_stack` waits, so nothing else accesses the call.
    let call = unsafe { &mut *data.cast::<Call<R, F>>() };
    // SAFETY: the function is taken only here.
    let f = unsafe { ManuallyDrop::take(&mut call.f) };
    call.result = Some(catch_unwind(AssertUnwindSafe(f)));
}
