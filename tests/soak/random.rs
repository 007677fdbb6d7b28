//! Random numbers, the same for the same seed.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// xorshift. Clones share one sequence.
#[derive(Clone)]
pub struct Random(pub Rc<Cell<u64>>);

impl Random {
    pub fn below(&self, bound: u64) -> u64 {
        let mut state = self.0.get();
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.0.set(state);
        state % bound
    }

    pub fn microseconds(&self, bound: u64) -> Duration {
        Duration::from_micros(self.below(bound))
    }
}
