//! Counted values, so that a test detects leaks and double drops.

use std::cell::Cell;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

/// A counted value: `live()` is the number of values made less the number dropped, on this thread.
#[derive(Debug, PartialEq, Eq)]
pub struct Counted(pub u32);

impl Counted {
    pub fn new(id: u32) -> Self {
        LIVE.set(LIVE.get() + 1);
        Self(id)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        LIVE.set(LIVE.get() - 1);
    }
}

/// The number of `Counted` values of this thread. A leak makes the number too high, a double drop too low.
pub fn live() -> isize {
    LIVE.get()
}
