//! `gather`: the results of many, in the order of the arguments.

use std::fmt;
use std::mem;

use crate::error::TaskError;
use crate::runtime::cancel::request;
use crate::runtime::core::block::{Awaiting, TaskPtr};
use crate::runtime::core::group::{Group, Nodes, Outcome, Until};
use crate::runtime::core::wait_list::Node;
use crate::runtime::task::any_handle::Members;
use crate::runtime::task::any_handle::{AnyHandle, describe_many};
use crate::runtime::task::into_task::Joinable;
use crate::runtime::task::join::Need;
use crate::runtime::task::waitable::{Awaitable, WaitSite, Waitable};
use crate::runtime::wait::unwind;

/// May suspend: waits until all are done, and returns their results in the order of the arguments.
/// Closures and coroutines become tasks.
///
/// It takes a vector or an array of one type, or a tuple of up to twelve types, and keeps the shape.
///
/// ```
/// use std::time::Duration;
/// use selvedge::{gather, sleep, spawn};
///
/// # selvedge::run(|| {
/// let square = |n: u64| move || {
///     sleep(Duration::from_millis(5 - n));
///     n * n
/// };
/// let squares = gather((0..5).map(square).collect::<Vec<_>>())?;
/// assert_eq!(squares, [0, 1, 4, 9, 16]);
///
/// let (length, name) = gather((spawn(|| 3.5), || "warp".to_owned()))?;
/// assert_eq!((length, name.as_str()), (3.5, "warp"));
/// # Ok::<_, selvedge::TaskError>(())
/// # }).unwrap();
/// ```
///
/// The first that fails ends the wait. The others go on by themselves, and errors that they end with
/// later count as retrieved.
///
/// ```
/// # use selvedge::{gather, spawn, spawn_fallible, yield_now};
/// # selvedge::run(|| {
/// let good = spawn(|| {
///     yield_now();
///     1
/// });
/// let bad = spawn_fallible(|| "weft".parse::<i32>());
/// let view = good.task_ref();
/// let error = gather([good, bad]).unwrap_err();
/// assert!(error.downcast_ref::<std::num::ParseIntError>().is_some());
/// assert!(!view.is_cancelled());
/// # });
/// ```
///
/// # Errors
/// How the first one failed, or that it was cancelled by somebody else. That they can't be waited for
/// here: outside of a task, in a task that they wait for themselves, on another loop. That there is no
/// stack for a task.
///
/// # Cancellation
/// A cancel of the waiting task is passed on to all of them. When the last has ended, the waiting task is
/// unwound, unless one has failed meanwhile, which is then what is returned.
#[track_caller]
pub fn gather<G: Gather>(awaitables: G) -> Result<G::Output, TaskError> {
    awaitables.gather(&WaitSite::new())
}

/// May suspend: as [`gather`], but it always waits until all are done, and returns how each has ended.
///
/// ```
/// # use selvedge::gather_settled;
/// # selvedge::run(|| {
/// let (one, two) = gather_settled((|| 1, || -> () { panic!("a torn thread") }));
/// assert_eq!(one.unwrap(), 1);
/// assert_eq!(two.unwrap_err().message(), "a torn thread");
/// # });
/// ```
///
/// # Errors
/// Each its own; among them that it can't be waited for here.
///
/// # Cancellation
/// A cancel of the waiting task is passed on to all of them. When the last has ended, the waiting task is
/// unwound.
#[track_caller]
pub fn gather_settled<G: Gather>(awaitables: G) -> G::Settled {
    awaitables.gather_settled(&WaitSite::new())
}

mod sealed {
    pub trait Sealed {}
}

/// What [`gather`] takes: a vector, an array or a tuple of [`Awaitable`]s.
pub trait Gather: sealed::Sealed {
    /// The results in the same shape.
    type Output;
    /// How each has ended, in the same shape.
    type Settled;

    #[doc(hidden)]
    fn gather(self, wait_site: &WaitSite) -> Result<Self::Output, TaskError>;

    #[doc(hidden)]
    fn gather_settled(self, wait_site: &WaitSite) -> Self::Settled;
}

/// What is waited for, or why it is not.
type Slot<A> = Result<<A as Joinable>::Handle, TaskError>;

fn outcome<A: Awaitable>(slot: Slot<A>) -> Result<A::Output, TaskError> {
    A::shared_outcome(slot?)
}

impl<H: Waitable> Members for Vec<Result<H, TaskError>> {
    fn len(&self) -> usize {
        self.len()
    }

    #[inline]
    fn member(&self, index: usize) -> AnyHandle<'_> {
        any_handle(&self[index])
    }
}

impl<H: Waitable, const N: usize> Members for [Result<H, TaskError>; N] {
    fn len(&self) -> usize {
        N
    }

    #[inline]
    fn member(&self, index: usize) -> AnyHandle<'_> {
        any_handle(&self[index])
    }
}

#[inline]
fn any_handle<H: Waitable>(slot: &Result<H, TaskError>) -> AnyHandle<'_> {
    match slot {
        Ok(handle) => handle.any_handle(),
        Err(error) => AnyHandle::refused(error),
    }
}

/// What takes the arguments in, one by one.
struct Intake<'a> {
    wait_site: &'a WaitSite,
    /// There is none where nothing can be waited for.
    group: Option<&'a Group>,
}

impl Intake<'_> {
    #[inline]
    fn slot<A: Awaitable>(&self, awaitable: A) -> Slot<A> {
        let slot = self.wait_site.handle(awaitable, Need::All);
        if let Some(group) = self.group {
            group.add(any_handle(&slot));
        }
        slot
    }
}

/// Takes all in, and waits until they are done or, if that is wanted, until one has failed.
///
/// # Errors
/// How the first one failed, if that is wanted.
fn settle<M: Members>(
    wait_site: &WaitSite,
    until: Until,
    nodes: impl AsRef<[Node]>,
    take_in: impl FnOnce(Intake<'_>) -> M,
) -> Result<M, TaskError> {
    let Ok(here) = wait_site.here() else {
        // Nothing here is pending, or it would have been refused.
        let members = take_in(Intake {
            wait_site,
            group: None,
        });
        let error = || (0..members.len()).find_map(|index| members.member(index).error());
        return match error().filter(|_| until == Until::Error) {
            Some(error) => {
                drop(Retrieved(&members));
                Err(error)
            }
            None => Ok(members),
        };
    };
    Group::with(here.task, until, nodes, |group| {
        let intake = Intake {
            wait_site,
            group: Some(group),
        };
        let members = take_in(intake);
        let retrieved = Retrieved(&members);
        let what = Gathering {
            members: &members,
            group,
        };
        group.wait(here, &what, || false);
        let is_cancelled = request::was_forwarded(here.task);
        let (outcome, index) = group.worst();
        let is_error = outcome == Outcome::Failed || outcome == Outcome::Cancelled && !is_cancelled;
        if until == Until::Error
            && is_error
            && let Some(error) = members.member(index).error()
        {
            return Err(error);
        }
        if is_cancelled {
            unwind::raise(here);
        }
        mem::forget(retrieved);
        Ok(members)
    })
}

/// Has all errors count as retrieved, unless the results are handed out.
struct Retrieved<'a, M: Members + ?Sized>(&'a M);

impl<M: Members + ?Sized> Drop for Retrieved<'_, M> {
    fn drop(&mut self) {
        for index in 0..self.0.len() {
            self.0.member(index).set_retrieved();
        }
    }
}

struct Gathering<'a, M: Members + ?Sized> {
    members: &'a M,
    group: &'a Group,
}

impl<M: Members + ?Sized> Awaiting for Gathering<'_, M> {
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe_many(self.members, f)
    }

    fn tasks(&self, visit: &mut dyn FnMut(TaskPtr)) {
        let tasks =
            (0..self.members.len()).filter_map(|index| self.members.member(index).as_task());
        tasks.for_each(visit);
    }

    fn cancel(&self, message: Option<&str>) -> bool {
        if self.group.is_over() {
            return false;
        }
        self.group.wait_for_all();
        for index in 0..self.members.len() {
            self.members.member(index).pass_on(message);
        }
        true
    }
}

impl<A: Awaitable> sealed::Sealed for Vec<A> {}

impl<A: Awaitable> Gather for Vec<A> {
    type Output = Vec<A::Output>;
    type Settled = Vec<Result<A::Output, TaskError>>;

    fn gather(self, wait_site: &WaitSite) -> Result<Self::Output, TaskError> {
        let slots = settle(wait_site, Until::Error, Nodes::new(self.len()), |intake| {
            self.into_iter()
                .map(|each| intake.slot(each))
                .collect::<Vec<_>>()
        })?;
        slots.into_iter().map(outcome::<A>).collect()
    }

    fn gather_settled(self, wait_site: &WaitSite) -> Self::Settled {
        let slots = settle(wait_site, Until::All, Nodes::new(self.len()), |intake| {
            self.into_iter()
                .map(|each| intake.slot(each))
                .collect::<Vec<_>>()
        });
        let slots = slots.unwrap_or_else(|_| unreachable!("no error is wanted"));
        slots.into_iter().map(outcome::<A>).collect()
    }
}

impl<A: Awaitable, const N: usize> sealed::Sealed for [A; N] {}

impl<A: Awaitable, const N: usize> Gather for [A; N] {
    type Output = [A::Output; N];
    type Settled = [Result<A::Output, TaskError>; N];

    fn gather(self, wait_site: &WaitSite) -> Result<Self::Output, TaskError> {
        let slots = settle(
            wait_site,
            Until::Error,
            [const { Node::new() }; N],
            |intake| self.map(|each| intake.slot(each)),
        )?;
        let results = slots.map(outcome::<A>);
        match results.iter().find_map(|result| result.as_ref().err()) {
            Some(error) => Err(error.clone()),
            None => Ok(results.map(|result| result.unwrap_or_else(|_| unreachable!("checked")))),
        }
    }

    fn gather_settled(self, wait_site: &WaitSite) -> Self::Settled {
        let slots = settle(
            wait_site,
            Until::All,
            [const { Node::new() }; N],
            |intake| self.map(|each| intake.slot(each)),
        );
        let slots = slots.unwrap_or_else(|_| unreachable!("no error is wanted"));
        slots.map(outcome::<A>)
    }
}

macro_rules! tuples {
    ($($n:literal: $($A:ident $H:ident $index:tt)+;)+) => {$(
        impl<$($H: Waitable),+> Members for ($(Result<$H, TaskError>,)+) {
            fn len(&self) -> usize {
                $n
            }

            fn member(&self, index: usize) -> AnyHandle<'_> {
                match index {
                    $($index => any_handle(&self.$index),)+
                    _ => unreachable!("an index is below the length"),
                }
            }
        }

        impl<$($A: Awaitable),+> sealed::Sealed for ($($A,)+) {}

        impl<$($A: Awaitable),+> Gather for ($($A,)+) {
            type Output = ($($A::Output,)+);
            type Settled = ($(Result<$A::Output, TaskError>,)+);

            fn gather(self, wait_site: &WaitSite) -> Result<Self::Output, TaskError> {
                let slots = settle(wait_site, Until::Error, [const { Node::new() }; $n], |intake| {
                    ($(intake.slot(self.$index),)+)
                })?;
                Ok(($(outcome::<$A>(slots.$index)?,)+))
            }

            fn gather_settled(self, wait_site: &WaitSite) -> Self::Settled {
                let slots = settle(wait_site, Until::All, [const { Node::new() }; $n], |intake| {
                    ($(intake.slot(self.$index),)+)
                });
                let slots = slots.unwrap_or_else(|_| unreachable!("no error is wanted"));
                ($(outcome::<$A>(slots.$index),)+)
            }
        }
    )+};
}

tuples! {
    1: A HA 0;
    2: A HA 0 B HB 1;
    3: A HA 0 B HB 1 C HC 2;
    4: A HA 0 B HB 1 C HC 2 D HD 3;
    5: A HA 0 B HB 1 C HC 2 D HD 3 E HE 4;
    6: A HA 0 B HB 1 C HC 2 D HD 3 E HE 4 F HF 5;
    7: A HA 0 B HB 1 C HC 2 D HD 3 E HE 4 F HF 5 G HG 6;
    8: A HA 0 B HB 1 C HC 2 D HD 3 E HE 4 F HF 5 G HG 6 H HH 7;
    9: A HA 0 B HB 1 C HC 2 D HD 3 E HE 4 F HF 5 G HG 6 H HH 7 I HI 8;
    10: A HA 0 B HB 1 C HC 2 D HD 3 E HE 4 F HF 5 G HG 6 H HH 7 I HI 8 J HJ 9;
    11: A HA 0 B HB 1 C HC 2 D HD 3 E HE 4 F HF 5 G HG 6 H HH 7 I HI 8 J HJ 9 K HK 10;
    12: A HA 0 B HB 1 C HC 2 D HD 3 E HE 4 F HF 5 G HG 6 H HH 7 I HI 8 J HJ 9 K HK 10 L HL 11;
}
