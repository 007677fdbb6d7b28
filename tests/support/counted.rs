//! Values that are counted, so that a test sees which are lost and which are dropped twice.

use std::cell::Cell;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

/// A value whose copies are counted: `live()` is what was made less what was dropped, on this thread.
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

/// How many `Counted` of this thread exist. A value lost shows above the truth, one dropped twice below it.
pub fn live() -> isize {
    LIVE.get()
}
