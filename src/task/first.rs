//! [`first`]: the first of several waits of one type.

use crate::error::EmptySet;
use crate::runtime::first::{self as waits, Slice, Wait};

/// May suspend: waits until the first of several waits is done, and returns its index and its output.
///
/// This is [`select!`](crate::select) for a list that is made at run time. It needs no task, and allocates once if there are
/// more than eight waits. Of several waits that are done, the first in the list wins; the others have taken nothing. The waits may have
/// different sources behind `Box<dyn Wait<Output = T>>` or `&mut dyn Wait<Output = T>`.
///
/// ```
/// use selvedge::sync::Queue;
/// use selvedge::task::first;
///
/// selvedge::run(|| {
///     let queues: Vec<Queue<u32>> = (0..5).map(|_| Queue::unbounded()).collect();
///     selvedge::spawn({
///         let queue = queues[3].clone();
///         move || queue.put(7).unwrap()
///     }).detach();
///     let mut waits: Vec<_> = queues.iter().map(Queue::when_item).collect();
///     assert_eq!(first(&mut waits).unwrap(), (3, Ok(7)));
/// });
/// ```
///
/// # Errors
/// If there are no waits.
///
/// # Panics
/// If it has to wait and no task is running, or the thread is panicking.
///
/// # Cancellation
/// Unwinds at once. Nothing was taken.
#[track_caller]
pub fn first<W: Wait>(waits: &mut [W]) -> Result<(usize, W::Output), EmptySet> {
    match waits {
        [] => Err(EmptySet),
        waits => Ok(waits::first(&mut Slice(waits))),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::fmt;
    use std::pin::Pin;
    use std::rc::Rc;

    use super::first;
    use crate::runtime::api::EventLoop;
    use crate::runtime::first::{Arm, End, Wait, sealed::Sealed};

    /// A wait that another thread ends as it starts, or later.
    struct Ended {
        at_start: bool,
        n_left: Rc<Cell<u32>>,
    }

    impl Sealed for Ended {}

    impl Wait for Ended {
        type Output = ();

        fn try_now(&mut self) -> Option<()> {
            None
        }

        fn start(&mut self, _arm: Pin<&Arm>) -> bool {
            self.at_start
        }

        fn is_done(&mut self, _arm: Pin<&Arm>) -> bool {
            true
        }

        fn leave(&mut self, _end: End) {
            assert!(!self.at_start, "a wait that has taken an item wins");
            self.n_left.update(|n| n + 1);
        }

        fn finish(&mut self, _end: End) {}

        fn describe(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
            Ok(())
        }
    }

    #[test]
    #[expect(
        unused_imports,
        reason = "the macro needs this import for arms that are code"
    )]
    fn a_wait_that_ends_as_it_starts_wins() {
        let event_loop = EventLoop::new().expect("a loop");
        let ended = event_loop.run_until_complete(|| {
            let n_left = Rc::new(Cell::new(0));
            let ended = |at_start| Ended {
                at_start,
                n_left: Rc::clone(&n_left),
            };
            let mut waits = [false, true, false].map(ended);
            assert_eq!(first(&mut waits), Ok((1, ())));
            assert_eq!(n_left.get(), 2);
            let (early, late) = (ended(false), ended(true));
            crate::select! { () = early => false, () = late => true }
        });
        assert!(ended.expect("no panic"));
    }
}
