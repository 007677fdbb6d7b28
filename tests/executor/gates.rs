//! Gates that hold jobs until a test opens them and count the jobs that have begun.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};

use selvedge::yield_now;

/// A gate at which jobs wait. Clones are the same gate.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    is_open: Mutex<bool>,
    opens: Condvar,
    n_waiting: AtomicUsize,
}

impl Gate {
    /// Blocks the thread until the gate is open.
    pub fn pass(&self) {
        self.0.n_waiting.fetch_add(1, SeqCst);
        let mut is_open = self.0.is_open.lock().expect("no panic");
        while !*is_open {
            is_open = self.0.opens.wait(is_open).expect("no panic");
        }
    }

    pub fn open(&self) {
        *self.0.is_open.lock().expect("no panic") = true;
        self.0.opens.notify_all();
    }

    /// The number of jobs that have reached the gate.
    pub fn n_waiting(&self) -> usize {
        self.0.n_waiting.load(SeqCst)
    }

    /// In a task: returns when `n` jobs have reached the gate.
    pub fn wait_for(&self, n: usize) {
        while self.n_waiting() < n {
            yield_now();
        }
    }
}

/// Counts drops of its guards.
#[derive(Debug, Default)]
pub struct Drops(Arc<AtomicUsize>);

impl Drops {
    /// A guard that counts its drop.
    pub fn guard(&self) -> DropGuard {
        DropGuard(Arc::clone(&self.0))
    }

    pub fn n(&self) -> usize {
        self.0.load(SeqCst)
    }
}

#[derive(Debug)]
pub struct DropGuard(Arc<AtomicUsize>);

impl Drop for DropGuard {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}
