//! A number that is computed on its first use, without a lock.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A number that all threads share once it is computed; 0 stands for "not computed".
///
/// Two threads may both compute the number, so a child of `fork` never waits for a thread that it does not have.
pub(super) struct Cached(AtomicUsize);

impl Cached {
    pub(super) const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// The number. A `compute` that returns 0 is called again the next time.
    #[inline]
    pub(super) fn get(&self, compute: impl FnOnce() -> usize) -> usize {
        match self.0.load(Relaxed) {
            0 => {
                let number = compute();
                self.0.store(number, Relaxed);
                number
            }
            number => number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cached;

    #[test]
    fn a_number_in_computation_keeps_nothing_waiting() {
        let cached = Cached::new();
        assert_eq!(cached.get(|| cached.get(|| 1) + 1), 2);
        assert_eq!(cached.get(|| 3), 2);
    }

    #[test]
    fn zero_is_computed_again() {
        let cached = Cached::new();
        assert_eq!(cached.get(|| 0), 0);
        assert_eq!(cached.get(|| 5), 5);
    }
}
