//! [`as_completed`]: tasks or promises, in the order in which they are done.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::iter::FusedIterator;
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

use super::spawn::core;
use crate::error::Elapsed;
use crate::runtime::core::{CallbackId, NEVER, Nanoseconds, WaitList};
use crate::runtime::task::{Joinable, Need, WaitSite, Waitable};
use crate::runtime::time::Alarm;
use crate::runtime::wait::{consume_budget, here_or_panic};
use crate::util::fmt::impl_debug;

/// Iterates over tasks or promises in the order in which they are done. Closures and coroutines become
/// tasks.
///
/// Its `next` may suspend: it waits until another one is done.
///
/// ```
/// use std::time::Duration;
/// use selvedge::task::as_completed;
/// use selvedge::sleep;
///
/// # selvedge::EventLoop::builder().virtual_clock(true).run(|| {
/// let sleeper = |ms| move || {
///     sleep(Duration::from_millis(ms));
///     ms
/// };
/// let mut order = Vec::new();
/// for task in as_completed([30, 1, 15].map(sleeper)) {
///     order.push(task.join()?);
/// }
/// assert_eq!(order, [1, 15, 30]);
/// # Ok::<_, selvedge::TaskError>(())
/// # }).unwrap();
/// ```
///
/// [`as_completed(tasks).timeout(duration)`](AsCompleted::timeout) limits the whole wait.
///
/// # Panics
/// If no task is running (outside of a loop, and in callbacks), for the running task itself, or for a task or
/// promise of another loop. Tasks and promises that are done are yielded anywhere.
///
/// # Cancellation
/// A cancel of the task that waits in `next` unwinds at once. The tasks continue by themselves: dropping the
/// iterator detaches those that it has not yielded.
#[track_caller]
pub fn as_completed<I: Joinable>(tasks: impl IntoIterator<Item = I>) -> AsCompleted<I::Handle> {
    // The iterator is user code, after which another task may be running.
    let tasks: Vec<_> = tasks.into_iter().collect();
    let wait_site = WaitSite::new(Need::OneOfMany);
    let handles = tasks.into_iter().map(|task| task.into_handle(&wait_site));
    match handles.collect() {
        Ok(handles) => AsCompleted::new(handles),
        Err(error) => panic!("{error}"),
    }
}

/// Iterator of [`as_completed`].
#[must_use = "an iterator does nothing until it is asked for the next one"]
pub struct AsCompleted<H: Waitable> {
    /// The handles that were not yielded, each with its callback if it was not done at first.
    rest: Vec<Option<(H, Option<CallbackId>)>>,
    n_left: usize,
    arrivals: Rc<Arrivals>,
}

/// Indices of the handles that are done, in order.
struct Arrivals {
    indices: RefCell<VecDeque<usize>>,
    waiters: WaitList,
}

impl<H: Waitable> AsCompleted<H> {
    fn new(handles: Vec<H>) -> Self {
        let n_left = handles.len();
        let arrivals = Rc::new(Arrivals {
            indices: RefCell::new(VecDeque::with_capacity(n_left)),
            waiters: WaitList::new(),
        });
        let with_callback = |(index, handle): (usize, H)| {
            if handle.any_handle().is_done() {
                arrivals.indices.borrow_mut().push_back(index);
                return Some((handle, None));
            }
            let arrivals = Rc::clone(&arrivals);
            let arrive = move || {
                arrivals.indices.borrow_mut().push_back(index);
                arrivals.waiters.wake_one();
            };
            let any_handle = handle.any_handle();
            let callback = any_handle.add_callback(Box::new(arrive), Location::caller());
            Some((handle, Some(callback)))
        };
        let rest = handles.into_iter().enumerate().map(with_callback).collect();
        Self {
            rest,
            n_left,
            arrivals,
        }
    }

    /// Limits the whole wait, from now on: after the timeout the iterator yields [`Elapsed`], and ends.
    ///
    /// ```
    /// use std::time::Duration;
    /// use selvedge::error::Elapsed;
    /// use selvedge::task::as_completed;
    /// use selvedge::{sleep, spawn};
    ///
    /// # selvedge::EventLoop::builder().virtual_clock(true).run(|| {
    /// let tasks = [1, 100_000].map(|ms| spawn(move || sleep(Duration::from_millis(ms))));
    /// let mut completed = as_completed(tasks).timeout(Duration::from_millis(20));
    /// assert!(completed.next().unwrap().is_ok());
    /// assert_eq!(completed.next().unwrap().unwrap_err(), Elapsed);
    /// assert!(completed.next().is_none());
    /// for task in completed.into_rest() {
    ///     task.cancel();
    /// }
    /// # });
    /// ```
    ///
    /// # Panics
    /// If no loop runs on this thread.
    #[track_caller]
    pub fn timeout(self, timeout: Duration) -> WithTimeout<H> {
        let deadline = core().clock.after(timeout);
        WithTimeout {
            inner: self,
            deadline,
            is_over: false,
        }
    }

    /// The handles that were not yielded, in the order of the arguments.
    pub fn into_rest(mut self) -> Vec<H> {
        let rest = std::mem::take(&mut self.rest);
        let taken_back = rest.into_iter().flatten().map(|(handle, callback)| {
            callback.map(|id| handle.any_handle().remove_callback(id));
            handle
        });
        taken_back.collect()
    }

    /// The next handle that is done, or an error at the deadline.
    #[track_caller]
    fn next_by(&mut self, deadline: Nanoseconds) -> Option<Result<H, Elapsed>> {
        if self.n_left == 0 {
            return None;
        }
        consume_budget(1);
        loop {
            let index = self.arrivals.indices.borrow_mut().pop_front();
            if let Some((handle, _)) = index.and_then(|index| self.rest[index].take()) {
                self.n_left -= 1;
                return Some(Ok(handle));
            }
            let here = here_or_panic();
            if deadline <= here.core.clock.now() {
                return Some(Err(Elapsed));
            }
            let what = &"the next task that is done";
            let waiters = &self.arrivals.waiters;
            match deadline {
                NEVER => waiters.wait(here, what, || false),
                _ => Alarm::with(here, deadline, |alarm| {
                    waiters.wait(here, what, || alarm.has_fired())
                }),
            };
        }
    }
}

impl<H: Waitable> Iterator for AsCompleted<H> {
    type Item = H;

    #[track_caller]
    fn next(&mut self) -> Option<H> {
        self.next_by(NEVER).and_then(Result::ok)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.n_left, Some(self.n_left))
    }
}

impl<H: Waitable> ExactSizeIterator for AsCompleted<H> {}

impl<H: Waitable> FusedIterator for AsCompleted<H> {}

impl<H: Waitable> Drop for AsCompleted<H> {
    fn drop(&mut self) {
        for (handle, callback) in self.rest.iter().flatten() {
            callback.map(|id| handle.any_handle().remove_callback(id));
        }
    }
}

impl_debug!([H: Waitable] AsCompleted<H>, |this| { n_left: this.n_left });

/// Iterator of [`AsCompleted::timeout`].
#[must_use = "an iterator does nothing until it is asked for the next one"]
pub struct WithTimeout<H: Waitable> {
    inner: AsCompleted<H>,
    deadline: Nanoseconds,
    is_over: bool,
}

impl<H: Waitable> WithTimeout<H> {
    /// The handles that were not yielded, in the order of the arguments.
    pub fn into_rest(self) -> Vec<H> {
        self.inner.into_rest()
    }
}

impl<H: Waitable> Iterator for WithTimeout<H> {
    type Item = Result<H, Elapsed>;

    #[track_caller]
    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = self.inner.next_by(self.deadline);
        self.is_over = matches!(next, None | Some(Err(_)));
        next
    }
}

impl<H: Waitable> FusedIterator for WithTimeout<H> {}

impl_debug!([H: Waitable] WithTimeout<H>, |this| {
    n_left: this.inner.n_left,
    is_over: this.is_over
});
