//! [`shield`]: a wait whose cancel is not forwarded.

use std::fmt;

use crate::error::TaskError;
use crate::runtime::core::{Awaiting, Group, Node, TaskPtr, Until};
use crate::runtime::task::{AnyHandle, Joinable, Need, WaitSite, Waitable};

/// May suspend: waits until a task is done, and returns its result. A cancel of the waiting task is not
/// forwarded. Closures and coroutines become tasks; the value of a promise is moved out.
///
/// ```
/// use std::{cell::Cell, rc::Rc, time::Duration};
/// use selvedge::task::shield;
/// use selvedge::{sleep, spawn, yield_now};
///
/// # selvedge::run(|| {
/// let is_saved = Rc::new(Cell::new(false));
/// let saved = is_saved.clone();
/// let saving = move || {
///     sleep(Duration::from_millis(1));
///     saved.set(true);
/// };
/// let task = spawn(|| shield(saving));
/// yield_now();
/// task.cancel();
/// assert!(task.join().unwrap_err().is_cancelled());
/// assert!(!is_saved.get());
/// sleep(Duration::from_millis(5));
/// assert!(is_saved.get());
/// # });
/// ```
///
/// # Errors
/// As [`Task::join`](crate::Task::join).
///
/// # Cancellation
/// Unwinds at once. The shielded task continues by itself; its error is reported to the loop's exception
/// handler.
#[track_caller]
pub fn shield<I: Joinable>(awaitable: I) -> Result<I::Output, TaskError> {
    let wait_site = WaitSite::new(Need::All);
    let handle = awaitable.into_handle(&wait_site)?;
    if let Ok(here) = wait_site.here() {
        let shielded = Shielded(handle.any_handle());
        Group::with(here.task, Until::All, [const { Node::new() }], |group| {
            group.add(shielded.0);
            group.wait(here, &shielded, || false)
        });
    }
    I::outcome(handle)
}

struct Shielded<'a>(AnyHandle<'a>);

impl Awaiting for Shielded<'_> {
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.describe(f)?;
        f.write_str(", which is shielded")
    }

    fn tasks(&self, visit: &mut dyn FnMut(TaskPtr)) {
        self.0.as_task().into_iter().for_each(visit);
    }
}
