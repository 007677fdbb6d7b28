//! [`gather`]: the results of many tasks or promises, in the order of the arguments.

use std::fmt;
use std::mem;

use crate::error::TaskError;
use crate::runtime::cancel::request;
use crate::runtime::core::{Awaiting, Group, Node, Nodes, Outcome, TaskPtr, Until};
use crate::runtime::task::{
    AnyHandle, Awaitable, ForEachMember, Joinable, Need, WaitSite, Waitable, describe_many,
};
use crate::runtime::wait::delivery;

/// May suspend: waits until all arguments are done, and returns their results in the same order. Closures
/// and coroutines become tasks.
///
/// The arguments are a vector or an array of one type, or a tuple of up to twelve types; the results have the
/// same shape.
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
/// The first failure ends the wait. The others continue by themselves; their later errors count as
/// retrieved.
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
/// The error of the first that failed, or was cancelled by another task. That one of them can't be waited
/// for here: outside of a task, in a task for which it waits itself, on another loop. That there is no stack
/// for a new task.
///
/// # Cancellation
/// A cancel of the waiting task is forwarded to all of them. When the last has ended, the waiting task is
/// unwound; if one has failed meanwhile, its error is returned instead.
#[track_caller]
pub fn gather<G: Gather>(awaitables: G) -> Result<G::Output, TaskError> {
    let call = GatherCall {
        wait_site: WaitSite::new(Need::All),
        until: Until::Error,
    };
    G::outputs(awaitables.wait(&call)?)
}

/// May suspend: as [`gather`], but always waits until all are done, and returns the result or error of each.
///
/// ```
/// # use selvedge::task::gather_settled;
/// # selvedge::run(|| {
/// let (one, two) = gather_settled((|| 1, || -> () { panic!("a torn thread") }));
/// assert_eq!(one.unwrap(), 1);
/// assert_eq!(two.unwrap_err().message().unwrap(), "a torn thread");
/// # });
/// ```
///
/// # Errors
/// Each has its own; one that can't be waited for here has that as its error.
///
/// # Cancellation
/// A cancel of the waiting task is forwarded to all of them. When the last has ended, the waiting task is
/// unwound.
#[track_caller]
pub fn gather_settled<G: Gather>(awaitables: G) -> G::Settled {
    let call = GatherCall {
        wait_site: WaitSite::new(Need::All),
        until: Until::All,
    };
    match awaitables.wait(&call) {
        Ok(members) => G::settled(members),
        Err(_) => unreachable!("a wait for all returns no member's error"),
    }
}

pub(super) mod sealed {
    /// A shape: a vector, an array or a tuple.
    pub trait Sealed {}
    impl<T> Sealed for Vec<T> {}
    impl<T, const N: usize> Sealed for [T; N] {}
}

/// What [`gather`] takes: a vector, an array or a tuple of [`Awaitable`]s.
pub trait Gather: sealed::Sealed {
    /// The results in the same shape.
    type Output;
    /// The result or error of each, in the same shape.
    type Settled;
    /// The handles that are waited for, in the same shape.
    #[doc(hidden)]
    type Members;

    /// Makes the handles, and waits for them.
    #[doc(hidden)]
    fn wait(self, call: &GatherCall) -> Result<Self::Members, TaskError>;

    /// The results of handles that are done, or the first error among them.
    #[doc(hidden)]
    fn outputs(members: Self::Members) -> Result<Self::Output, TaskError>;

    /// The result of each of the handles, which are done.
    #[doc(hidden)]
    fn settled(members: Self::Members) -> Self::Settled;
}

/// A handle, or the reason why it can't be waited for.
type Member<A> = Result<<A as Joinable>::Handle, TaskError>;

fn outcome<A: Awaitable>(member: Member<A>) -> Result<A::Output, TaskError> {
    A::shared_outcome(member?)
}

#[inline]
fn any_handle<H: Waitable>(member: &Result<H, TaskError>) -> AnyHandle<'_> {
    match member {
        Ok(handle) => handle.any_handle(),
        Err(error) => AnyHandle::refused(error),
    }
}

fn for_each_member<H: Waitable>(
    members: &impl AsRef<[Result<H, TaskError>]>,
    visit: &mut dyn FnMut(AnyHandle<'_>),
) {
    let members = members.as_ref().iter();
    members.for_each(|member| visit(any_handle(member)));
}

/// Turns the arguments into handles, one by one.
struct Intake<'a> {
    wait_site: &'a WaitSite,
    /// `None` where nothing can be waited for.
    group: Option<&'a Group>,
}

impl Intake<'_> {
    #[inline]
    fn member<A: Awaitable>(&self, awaitable: A) -> Member<A> {
        let member = awaitable.into_handle(self.wait_site);
        if let Some(group) = self.group {
            group.add(any_handle(&member));
        }
        member
    }
}

/// One call of [`gather`] or [`gather_settled`].
#[doc(hidden)]
#[derive(Debug)]
pub struct GatherCall {
    wait_site: WaitSite,
    until: Until,
}

impl GatherCall {
    /// Makes all members, and waits until all are done or, with [`Until::Error`], until one has
    /// failed.
    ///
    /// # Errors
    /// With [`Until::Error`], that of the first member that failed.
    fn wait<S>(
        &self,
        nodes: impl AsRef<[Node]>,
        take_in: impl FnOnce(Intake<'_>) -> S,
        for_each: impl Fn(&S, &mut dyn FnMut(AnyHandle<'_>)),
    ) -> Result<S, TaskError> {
        let Ok(here) = self.wait_site.here() else {
            let members = take_in(Intake {
                wait_site: &self.wait_site,
                group: None,
            });
            // No member is pending: it would have been refused.
            let mut first = None;
            if self.until == Until::Error {
                for_each(&members, &mut |member| {
                    first = first.take().or_else(|| member.error())
                });
            }
            return match first {
                Some(error) => {
                    for_each(&members, &mut |member| member.set_retrieved());
                    Err(error)
                }
                None => Ok(members),
            };
        };
        Group::with(here.task, self.until, nodes, |group| {
            let intake = Intake {
                wait_site: &self.wait_site,
                group: Some(group),
            };
            let members = take_in(intake);
            let gathering = Gathering {
                for_each: &|visit| for_each(&members, visit),
                group,
            };
            let retrieved = RetrievedOnDrop(&gathering);
            group.wait(here, &gathering, || false);
            let is_cancelled = request::take_forwarded(here.task);
            let (outcome, index) = group.worst();
            let is_error =
                outcome == Outcome::Failed || outcome == Outcome::Cancelled && !is_cancelled;
            if self.until == Until::Error
                && is_error
                && let Some(error) = gathering.error_of(index)
            {
                return Err(error);
            }
            if is_cancelled {
                delivery::raise(here);
            }
            mem::forget(retrieved);
            Ok(members)
        })
    }
}

/// The members of the group, all of which are in its lists.
struct Gathering<'a> {
    for_each: ForEachMember<'a>,
    group: &'a Group,
}

impl Gathering<'_> {
    fn error_of(&self, index: usize) -> Option<TaskError> {
        let (mut n, mut error) = (0, None);
        (self.for_each)(&mut |member| {
            if n == index {
                error = member.error();
            }
            n += 1;
        });
        error
    }
}

impl Awaiting for Gathering<'_> {
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe_many(self.for_each, f)
    }

    fn tasks(&self, visit: &mut dyn FnMut(TaskPtr)) {
        (self.for_each)(&mut |member| member.tasks(visit));
    }

    fn cancel(&self, message: Option<&str>) -> bool {
        if self.group.is_over() {
            return false;
        }
        self.group.wait_for_all();
        (self.for_each)(&mut |member| {
            member.cancel(message);
        });
        true
    }
}

/// Counts the errors of all members as retrieved, unless the results are returned.
struct RetrievedOnDrop<'a>(&'a Gathering<'a>);

impl Drop for RetrievedOnDrop<'_> {
    fn drop(&mut self) {
        (self.0.for_each)(&mut |member| member.set_retrieved());
    }
}

impl<A: Awaitable> Gather for Vec<A> {
    type Output = Vec<A::Output>;
    type Settled = Vec<Result<A::Output, TaskError>>;
    type Members = Vec<Member<A>>;

    fn wait(self, call: &GatherCall) -> Result<Self::Members, TaskError> {
        let nodes = Nodes::new(self.len());
        let take_in =
            |intake: Intake<'_>| self.into_iter().map(|each| intake.member(each)).collect();
        call.wait(nodes, take_in, for_each_member)
    }

    // Loops, because a debug build copies a large result at each step of an iterator.
    fn outputs(members: Self::Members) -> Result<Self::Output, TaskError> {
        let mut outputs = Vec::with_capacity(members.len());
        for member in members {
            outputs.push(outcome::<A>(member)?);
        }
        Ok(outputs)
    }

    fn settled(members: Self::Members) -> Self::Settled {
        let mut outcomes = Vec::with_capacity(members.len());
        for member in members {
            outcomes.push(outcome::<A>(member));
        }
        outcomes
    }
}

impl<A: Awaitable, const N: usize> Gather for [A; N] {
    type Output = [A::Output; N];
    type Settled = [Result<A::Output, TaskError>; N];
    type Members = [Member<A>; N];

    fn wait(self, call: &GatherCall) -> Result<Self::Members, TaskError> {
        let nodes = [const { Node::new() }; N];
        let take_in = |intake: Intake<'_>| self.map(|each| intake.member(each));
        call.wait(nodes, take_in, for_each_member)
    }

    fn outputs(members: Self::Members) -> Result<Self::Output, TaskError> {
        let results = Self::settled(members);
        match results.iter().find_map(|result| result.as_ref().err()) {
            Some(error) => Err(error.clone()),
            None => Ok(results.map(|result| result.unwrap_or_else(|_| unreachable!("checked")))),
        }
    }

    fn settled(members: Self::Members) -> Self::Settled {
        members.map(outcome::<A>)
    }
}

/// Calls a macro for each size of a tuple up to twelve: with the size, and for each field a type's name
/// and the index.
macro_rules! for_each_tuple {
    ($implement:ident) => {
        $implement!(1: A 0);
        $implement!(2: A 0 B 1);
        $implement!(3: A 0 B 1 C 2);
        $implement!(4: A 0 B 1 C 2 D 3);
        $implement!(5: A 0 B 1 C 2 D 3 E 4);
        $implement!(6: A 0 B 1 C 2 D 3 E 4 F 5);
        $implement!(7: A 0 B 1 C 2 D 3 E 4 F 5 G 6);
        $implement!(8: A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7);
        $implement!(9: A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8);
        $implement!(10: A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9);
        $implement!(11: A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10);
        $implement!(12: A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11);
    };
}
pub(super) use for_each_tuple;

macro_rules! gather_tuple {
    ($n:literal: $($A:ident $index:tt)+) => {
        impl<$($A),+> sealed::Sealed for ($($A,)+) {}

        impl<$($A: Awaitable),+> Gather for ($($A,)+) {
            type Output = ($($A::Output,)+);
            type Settled = ($(Result<$A::Output, TaskError>,)+);
            type Members = ($(Member<$A>,)+);

            fn wait(self, call: &GatherCall) -> Result<Self::Members, TaskError> {
                let nodes = [const { Node::new() }; $n];
                let take_in = |intake: Intake<'_>| ($(intake.member(self.$index),)+);
                call.wait(nodes, take_in, |members: &Self::Members, visit| {
                    $(visit(any_handle(&members.$index));)+
                })
            }

            fn outputs(members: Self::Members) -> Result<Self::Output, TaskError> {
                Ok(($(outcome::<$A>(members.$index)?,)+))
            }

            fn settled(members: Self::Members) -> Self::Settled {
                ($(outcome::<$A>(members.$index),)+)
            }
        }
    };
}

for_each_tuple!(gather_tuple);
