//! [`TaskStack`]: the status and the backtrace of a task, to find out why a program makes no progress.

#![allow(unsafe_code)]

use std::backtrace::Backtrace;
use std::fmt;
use std::io::{self, Write};
use std::panic::Location;

use super::TaskId;
use crate::coroutine::backtrace_text::{self, HostFrames, ShownFunction};
use crate::coroutine::{Status, on_stack, remaining_stack_bytes};
use crate::stack::DEFAULT_STACK_SIZE_BYTES;
use crate::util::fmt::impl_debug;

/// How many frames `Display` shows without the alternate flag.
const MAX_FRAMES: usize = 100;
/// Stack that taking a backtrace may need.
pub(crate) const TAKING_BYTES: usize = 16 * 1024;
/// Stack that looking up names may need.
const NAMING_BYTES: usize = 128 * 1024;
/// The functions by which tasks park, so that a task's backtrace begins with what the program called.
const PARKING: HostFrames = HostFrames {
    hidden_prefixes: &[
        "selvedge::runtime::",
        "selvedge::util::",
        "selvedge::net::socket::",
        "selvedge::sync::channel::end::",
        "selvedge::sync::permits::",
        "selvedge::sync::queue_core::",
    ],
    hidden_folders: &[
        "runtime/",
        "util/",
        "net/socket.rs",
        "sync/channel/end.rs",
        "sync/permits.rs",
        "sync/queue_core.rs",
    ],
    shown: &[
        ShownFunction {
            suffix: "Task<T>::join",
            name: "join",
            file: "runtime/task/handle.rs",
        },
        ShownFunction {
            suffix: "Promise<T>::wait",
            name: "wait",
            file: "runtime/task/promise.rs",
        },
        ShownFunction {
            suffix: "Promise<T>::take",
            name: "take",
            file: "runtime/task/promise.rs",
        },
    ],
};
const _: () = assert!(TAKING_BYTES < NAMING_BYTES && NAMING_BYTES < DEFAULT_STACK_SIZE_BYTES);

/// The status of a task, what it waits for, and its backtrace: [`Task::stack`](crate::Task::stack) returns this.
///
/// `Display` gives a line about the task, then its backtrace without the functions by which the library parks the task
/// and those with which the task begins; with the alternate flag (`{:#}`) every frame, with addresses. Names are looked
/// up when the text is made. Taking a `TaskStack` is cheap.
///
/// ```text
/// task Task-65 (suspended), spawned at src/main.rs:12:18, waits for descriptor 7 to be readable
///    0: <selvedge::net::tcp_stream::TcpStream as std::io::Read>::read
///    1: server::parse_head
///              at ./src/main.rs:31:9
///    2: server::serve
///              at ./src/main.rs:20:16
/// ```
///
/// In a program without debug information, lines and inlined functions are missing; in a stripped
/// one names are, too.
pub struct TaskStack {
    pub(crate) id: TaskId,
    pub(crate) name: String,
    pub(crate) status: Status,
    pub(crate) site: Option<&'static Location<'static>>,
    pub(crate) waits_for: Option<String>,
    pub(crate) backtrace: Option<Backtrace>,
}

impl TaskStack {
    /// The task's number.
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// The task's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the task has begun, is suspended (waiting, or in the run queue), runs, or is done. A task that has
    /// spawned another one eagerly counts as running while that one runs.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// Where the task was spawned; `None` when it is done.
    #[must_use]
    #[doc(alias = "site")]
    pub fn created_at(&self) -> Option<&'static Location<'static>> {
        self.site
    }

    /// What the task waits for, in words; `None` when it runs or is done.
    #[must_use]
    pub fn waits_for(&self) -> Option<&str> {
        self.waits_for.as_deref()
    }

    /// The backtrace, from where the task is suspended, through the coroutines that it has resumed, if
    /// any, to its beginning.
    ///
    /// `None` for a task that has not begun or is done. Also `None` for every task where the crate `corosensei` does the
    /// switching, because the layout of its parked stacks is private.
    #[must_use]
    pub fn backtrace(&self) -> Option<&Backtrace> {
        self.backtrace.as_ref()
    }

    pub(crate) fn print(&self) {
        // A failure to print to standard error can't be reported.
        let _ = io::stderr().write_all(format!("{self}\n").as_bytes());
    }
}

/// Calls a function on a stack with this much room, because a task may have little left of its own.
pub(crate) fn with_room<R>(n_bytes: usize, f: impl FnOnce() -> R) -> R {
    match remaining_stack_bytes() {
        Some(left) if left < n_bytes => on_stack(DEFAULT_STACK_SIZE_BYTES, f),
        _ => f(),
    }
}

fn text(backtrace: &Backtrace, in_full: bool) -> String {
    with_room(NAMING_BYTES, || match in_full {
        true => format!("{backtrace:#}"),
        false => format!("{backtrace}"),
    })
}

impl fmt::Display for TaskStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {} ({})", self.name, self.status)?;
        if let Some(site) = self.site {
            write!(f, ", spawned at {site}")?;
        }
        if let Some(what) = &self.waits_for {
            write!(f, ", waits for {what}")?;
        }
        let Some(backtrace) = &self.backtrace else {
            return Ok(());
        };
        let text = text(backtrace, f.alternate());
        if f.alternate() {
            return write!(f, "\n{}", text.trim_end());
        }
        let frames = backtrace_text::of_the_program(&text, &PARKING);
        let shown = frames.iter().take(MAX_FRAMES);
        for (number, frame) in shown.enumerate() {
            write!(f, "\n{number:>4}: {}", frame.name)?;
            if let Some(place) = frame.place {
                write!(f, "\n             {place}")?;
            }
        }
        match frames.len().saturating_sub(MAX_FRAMES) {
            0 => Ok(()),
            n_more => write!(f, "\n      and {n_more} more"),
        }
    }
}

impl_debug!(TaskStack, |this| {
    name: this.name,
    status: this.status,
    site: this.site,
    waits_for: this.waits_for
});
