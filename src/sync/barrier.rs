//! [`Barrier`]: a place where tasks wait until all have arrived.
//!
//! | phase | meaning | ends when |
//! |---|---|---|
//! | filling | tasks arrive and wait | the last one arrives: draining |
//! | draining | they leave; new arrivals wait outside | the last has left: filling |
//! | resetting | as draining, but they leave with an error | the last has left: filling |
//! | broken | every wait is an error | `reset`: resetting, or filling if no task is inside |

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use super::error::BrokenBarrier;
use crate::runtime::core::{Awaiting, WaitList};
use crate::runtime::wait::{consume_budget, here_or_panic};
use crate::util::fmt::impl_debug;

/// A place where a fixed number of tasks wait for each other, repeatedly: asyncio's Barrier.
///
/// Clones are the same barrier.
///
/// ```
/// use selvedge::sync::Barrier;
///
/// selvedge::run(|| {
///     let barrier = Barrier::new(3);
///     let tasks: Vec<_> = (0..3).map(|_| {
///         let barrier = barrier.clone();
///         selvedge::spawn(move || barrier.wait().unwrap())
///     }).collect();
///     let mut places: Vec<usize> = tasks.into_iter().map(|task| task.join().unwrap()).collect();
///     places.sort();
///     assert_eq!(places, [0, 1, 2]);
/// });
/// ```
#[derive(Clone)]
pub struct Barrier(Rc<Inner>);

struct Inner {
    n_parties: usize,
    phase: Cell<Phase>,
    /// Tasks that have arrived and not left.
    n_inside: Cell<usize>,
    /// Tasks that have left without an error in this draining.
    n_passed: Cell<usize>,
    inside: WaitList,
    outside: WaitList,
    site: &'static Location<'static>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Filling,
    Draining,
    Resetting,
    Broken,
}

impl Barrier {
    /// Creates a barrier for `n_parties` tasks.
    ///
    /// # Panics
    /// If `n_parties` is 0.
    #[track_caller]
    #[must_use]
    pub fn new(n_parties: usize) -> Self {
        assert!(
            n_parties > 0,
            "selvedge: a barrier needs at least one party, because it opens when the last one arrives"
        );
        Self(Rc::new(Inner {
            n_parties,
            phase: Cell::new(Phase::Filling),
            n_inside: Cell::new(0),
            n_passed: Cell::new(0),
            inside: WaitList::new(),
            outside: WaitList::new(),
            site: Location::caller(),
        }))
    }

    /// May suspend: waits until all parties have arrived. Each call returns a different number below the number of
    /// parties; the last to arrive gets the highest, and does not suspend for the others.
    ///
    /// While the tasks of the last round are leaving, a new arrival waits outside first.
    ///
    /// # Errors
    /// If the barrier is reset during the wait, or is aborted.
    ///
    /// # Panics
    /// If it has to wait and no task is running, or the thread is panicking.
    ///
    /// # Cancellation
    /// The task counts as not arrived: the others wait for one more. If all have arrived already, they leave.
    #[track_caller]
    pub fn wait(&self) -> Result<usize, BrokenBarrier> {
        let inner = &*self.0;
        consume_budget(1);
        while matches!(inner.phase.get(), Phase::Draining | Phase::Resetting) {
            inner.outside.wait(here_or_panic(), inner, || false);
        }
        if inner.phase.get() == Phase::Broken {
            return Err(BrokenBarrier);
        }
        let is_last = inner.n_inside.get() + 1 == inner.n_parties;
        let here = (!is_last).then(here_or_panic);
        let _inside = Inside::new(inner);
        match here {
            None => {
                inner.n_passed.set(0);
                inner.phase.set(Phase::Draining);
                inner.inside.wake_all();
                return Ok(inner.n_parties - 1);
            }
            Some(here) => inner.inside.wait(here, inner, || false),
        };
        match inner.phase.get() {
            Phase::Draining => {
                let place = inner.n_passed.get();
                inner.n_passed.set(place + 1);
                Ok(place)
            }
            Phase::Filling | Phase::Resetting | Phase::Broken => Err(BrokenBarrier),
        }
    }

    /// Resets the barrier: waiting tasks get an error, and a broken barrier works again.
    pub fn reset(&self) {
        let is_empty = self.0.n_inside.get() == 0;
        self.0.phase.set(match is_empty {
            true => Phase::Filling,
            false => Phase::Resetting,
        });
        self.0.inside.wake_all();
    }

    /// Breaks the barrier: waiting tasks get an error, and so does every later wait until a reset.
    pub fn abort(&self) {
        self.0.phase.set(Phase::Broken);
        self.0.inside.wake_all();
        self.0.outside.wake_all();
    }

    /// Number of tasks that the barrier is for.
    #[must_use]
    pub fn n_parties(&self) -> usize {
        self.0.n_parties
    }

    /// Number of tasks that wait for the others.
    #[must_use]
    pub fn n_waiting(&self) -> usize {
        match self.0.phase.get() {
            Phase::Filling => self.0.n_inside.get(),
            Phase::Draining | Phase::Resetting | Phase::Broken => 0,
        }
    }

    /// Whether the barrier was aborted and not reset since.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.0.phase.get() == Phase::Broken
    }
}

/// Counts a task that has arrived, until it leaves in any way.
struct Inside<'a>(&'a Inner);

impl<'a> Inside<'a> {
    fn new(inner: &'a Inner) -> Self {
        inner.n_inside.set(inner.n_inside.get() + 1);
        Self(inner)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let inner = self.0;
        let left = inner.n_inside.get() - 1;
        inner.n_inside.set(left);
        if left == 0 && matches!(inner.phase.get(), Phase::Draining | Phase::Resetting) {
            inner.phase.set(Phase::Filling);
            inner.outside.wake_all();
        }
    }
}

impl Awaiting for Inner {
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, of) = (self.n_inside.get(), self.n_parties);
        write!(f, "the barrier made at {}, {n} of {of} there", self.site)
    }
}

impl_debug!(Barrier, |this| {
    n_parties: this.0.n_parties,
    n_inside: this.0.n_inside.get(),
    phase: this.0.phase.get(),
    created_at: format_args!("{}", this.0.site)
});
