//! Counts the trips through the run queue.

use std::rc::Rc;

use super::loops::{Shared, shared, soon};

/// Counts the trips through the run queue by a callback that reschedules itself until this value is dropped.
pub struct Hops {
    count: Shared<u64>,
    goes_on: Shared<bool>,
}

impl Hops {
    /// Starts counting with the next iteration of the current loop.
    pub fn start() -> Self {
        let hops = Self {
            count: shared(0),
            goes_on: shared(true),
        };
        schedule_tick(&hops.count, &hops.goes_on);
        hops
    }

    pub fn count(&self) -> u64 {
        self.count.get()
    }

    /// The counter itself, for a closure that outlives this borrow.
    pub fn counter(&self) -> Shared<u64> {
        Rc::clone(&self.count)
    }

    /// The number of hops during `f`.
    pub fn during<R>(&self, f: impl FnOnce() -> R) -> u64 {
        let before = self.count();
        f();
        self.count() - before
    }
}

impl Drop for Hops {
    fn drop(&mut self) {
        self.goes_on.set(false);
    }
}

fn schedule_tick(count: &Shared<u64>, goes_on: &Shared<bool>) {
    let (count, goes_on) = (Rc::clone(count), Rc::clone(goes_on));
    let tick = move || {
        count.set(count.get() + 1);
        if goes_on.get() {
            schedule_tick(&count, &goes_on);
        }
    };
    soon(tick);
}
