//! [`Wait`], and the wait for the first of several.

use std::convert::Infallible;
use std::fmt;
use std::mem;
use std::pin::{Pin, pin};

use super::sealed::Sealed;
use super::{Arm, End, Here};
use crate::runtime::core::{Awaiting, TaskContext};
use crate::runtime::wait::{consume_budget, here_or_panic, park};

/// A wait that has not begun: an arm of a [`select!`](crate::select), or one of the waits of
/// [`first`](crate::task::first()).
///
/// Functions with names that begin with `when_` return waits: an event's
/// [`when_set`](crate::sync::Event::when_set), a queue's [`when_item`](crate::sync::Queue::when_item), a socket's
/// [`when_readable`](crate::net::TcpStream::when_readable), and so on; [`time::after`](crate::time::after) and
/// [`time::at`](crate::time::at) are waits for a deadline. To make a wait does nothing: the wait begins, and ends, in
/// `select!` or `first`. A wait that does not win has taken nothing, and can take part again by reference.
///
/// ```
/// use std::time::Duration;
/// use selvedge::sync::{Event, Queue};
/// use selvedge::{select, time};
///
/// selvedge::run(|| {
///     let (jobs, is_over) = (Queue::unbounded(), Event::new());
///     jobs.put("spin").unwrap();
///     let mut limit = time::after(Duration::from_millis(1));
///     let mut done = Vec::new();
///     loop {
///         select! {
///             job = jobs.when_item() => done.push(job.unwrap()),
///             () = is_over.when_set() => break,
///             () = &mut limit => is_over.set(),
///         }
///     }
///     assert_eq!(done, ["spin"]);
/// });
/// ```
pub trait Wait: Sealed {
    /// What the wait returns.
    type Output;

    /// The output, if no wait is needed. May run user code.
    #[doc(hidden)]
    fn try_now(&mut self) -> Option<Self::Output>;

    /// Links the arm. Returns whether the wait is done already.
    #[doc(hidden)]
    fn start(&mut self, arm: Pin<&Arm>) -> bool;

    /// Whether the wait is done, after a wake-up.
    #[doc(hidden)]
    fn is_done(&mut self, arm: Pin<&Arm>) -> bool;

    /// Gives back what the task was handed. The arm is no longer linked, and perhaps never was.
    #[doc(hidden)]
    fn leave(&mut self, end: End);

    /// The output of a wait that is done. No arm is linked. May run user code.
    #[doc(hidden)]
    fn finish(&mut self, end: End) -> Self::Output;

    /// Completes the sentence "the task waits for ...".
    #[doc(hidden)]
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

macro_rules! wait_by_reference {
    ($Reference:ty) => {
        impl<W: Wait + ?Sized> Sealed for $Reference {}

        impl<W: Wait + ?Sized> Wait for $Reference {
            type Output = W::Output;

            fn try_now(&mut self) -> Option<W::Output> {
                (**self).try_now()
            }

            fn start(&mut self, arm: Pin<&Arm>) -> bool {
                (**self).start(arm)
            }

            fn is_done(&mut self, arm: Pin<&Arm>) -> bool {
                (**self).is_done(arm)
            }

            fn leave(&mut self, end: End) {
                (**self).leave(end);
            }

            fn finish(&mut self, end: End) -> W::Output {
                (**self).finish(end)
            }

            fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).describe(f)
            }
        }
    };
}

wait_by_reference!(&mut W);
wait_by_reference!(Box<W>);

/// Several waits, in the order in which they win.
#[doc(hidden)]
pub trait Waits {
    type Output;

    /// An arm for each wait.
    type Arms;

    fn arms(&self, here: Here) -> Self::Arms;

    /// The output of the first wait that need not wait.
    fn try_now(&mut self) -> Option<Self::Output>;

    /// Starts the waits until one is done at once. Returns its index and its end: the wait may have taken its output, so
    /// that no other may win, even if another is done as well by now.
    fn start(&mut self, arms: Pin<&Self::Arms>) -> Option<(usize, End)>;

    /// The index of the first wait that is done, and its end.
    fn winner(&mut self, arms: Pin<&Self::Arms>) -> Option<(usize, End)>;

    /// Unlinks the arms. All waits but the winner, if there is one, give back what they were handed.
    fn leave(&mut self, arms: Pin<&Self::Arms>, winner: Option<usize>);

    /// The winner's output.
    fn finish(&mut self, index: usize, end: End) -> Self::Output;

    /// Whether an output exists that an unwind would lose.
    fn must_be_kept(&self) -> bool {
        false
    }

    /// Describes the waits, with a separator before each but the first.
    fn describe(&self, f: &mut fmt::Formatter<'_>, is_first: bool) -> fmt::Result;
}

/// Parks the running task until the first of several waits is done.
///
/// A cancel unwinds from here, and takes nothing.
#[track_caller]
pub fn first<W: Waits>(waits: &mut W) -> W::Output {
    consume_budget(1);
    first_without_turn(waits)
}

/// As [`first`], but gives no other task a turn before the waits are linked.
#[track_caller]
pub(crate) fn first_without_turn<W: Waits>(waits: &mut W) -> W::Output {
    if let Some(output) = waits.try_now() {
        return output;
    }
    let here = here_or_panic();
    let (index, end) = {
        let arms = pin!(waits.arms(Here(here)));
        let mut linked = Linked {
            waits,
            arms: arms.as_ref(),
        };
        let winner = linked.wait(here);
        linked.waits.leave(linked.arms, Some(winner.0));
        mem::forget(linked);
        winner
    };
    waits.finish(index, end)
}

/// Waits whose arms are linked. Gives back all that they were handed, if the task unwinds.
struct Linked<'a, W: Waits> {
    waits: &'a mut W,
    arms: Pin<&'a W::Arms>,
}

impl<W: Waits> Linked<'_, W> {
    fn wait(&mut self, here: TaskContext) -> (usize, End) {
        if let Some(winner) = self.waits.start(self.arms) {
            return winner;
        }
        loop {
            park::park_unless(here, &FirstOf(&*self.waits), || self.waits.must_be_kept());
            if let Some(winner) = self.waits.winner(self.arms) {
                return winner;
            }
        }
    }
}

impl<W: Waits> Drop for Linked<'_, W> {
    fn drop(&mut self) {
        self.waits.leave(self.arms, None);
    }
}

struct FirstOf<'a, W>(&'a W);

impl<W: Waits> Awaiting for FirstOf<'_, W> {
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the first of ")?;
        self.0.describe(f, true)
    }
}

pub(crate) fn describe_next(
    wait: &impl Wait,
    f: &mut fmt::Formatter<'_>,
    is_first: bool,
) -> fmt::Result {
    f.write_str(if is_first { "" } else { ", " })?;
    wait.describe(f)
}

impl Waits for () {
    type Output = Infallible;
    type Arms = ();

    fn arms(&self, _here: Here) {}

    fn try_now(&mut self) -> Option<Infallible> {
        None
    }

    fn start(&mut self, _arms: Pin<&()>) -> Option<(usize, End)> {
        None
    }

    fn winner(&mut self, _arms: Pin<&()>) -> Option<(usize, End)> {
        None
    }

    fn leave(&mut self, _arms: Pin<&()>, _winner: Option<usize>) {}

    fn finish(&mut self, _index: usize, _end: End) -> Infallible {
        unreachable!("there is no wait at this index")
    }

    fn describe(&self, _f: &mut fmt::Formatter<'_>, _is_first: bool) -> fmt::Result {
        Ok(())
    }
}
