//! A task that counts its turns.

use std::cell::Cell;
use std::rc::Rc;

use selvedge::{Task, spawn, yield_now};

/// A task that counts its turns until it is cancelled.
pub fn ticker() -> (Rc<Cell<usize>>, Task<()>) {
    let n_ticks = Rc::new(Cell::new(0));
    let ticks = n_ticks.clone();
    let task = spawn(move || {
        loop {
            yield_now();
            ticks.set(ticks.get() + 1);
        }
    });
    (n_ticks, task)
}
