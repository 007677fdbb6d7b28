//! [`Files`]: a loop's operations on files that the kernel has, by io_uring.
//!
//! The kernel reads and writes the caller's own memory: the buffer that the caller of `read` has passed, and a node in the
//! frame of [`perform`]. So that frame is not left before the kernel has finished, by no path:
//!
//! - The task parks shielded. A cancel, or the deadline of its I/O, makes the task ask the kernel to cancel the operation,
//!   and the wait for the result goes on. A write that has written something returns its count, and the request still
//!   stands. A read has taken nothing from a file, whatever it has read.
//! - A task that is unwound by force can't park. It waits in the kernel, which blocks the thread.
//! - A panic in this room's own code waits in the kernel, too, in the destructor of [`InFlight`].
//! - A loop that stops running waits in the kernel for all operations ([`Files::settle`]). So a task that is abandoned,
//!   a loop that is forgotten or dropped, and a thread that ends never have an operation in flight.
//! - A forked child has a copy of the frames, and the kernel writes into the parent's. The child uses no ring, waits for
//!   no result, and keeps its copy of the mapping.

#![allow(unsafe_code)]

use std::cell::{Cell, OnceCell};
use std::env;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::OnceLock;
use std::thread;

use crate::runtime::core::{FORCE_UNWIND, MUST_CANCEL, TaskContext, TaskPtr, unpark};
use crate::runtime::time::Alarm;
use crate::runtime::wait::{delivery, park, task_context};
use crate::sys::file::Kind;
use crate::sys::fork::Generation;
use crate::sys::io_ring::{self, Ended, Operation, OperationResult, Ring, Status};
use crate::sys::poller::Poller;
use crate::sys::signal::write_stderr;

pub(crate) use crate::sys::io_ring::{AT_END, How};

/// The token under which the poller reports results. No entry of the reactor has it.
const TOKEN: u64 = u64::MAX - 1;

/// The operations on files that the kernel has.
pub(crate) struct Files {
    is_wanted: bool,
    /// Made by the first operation; `None` if this system has no usable ring.
    ring: OnceCell<Option<Ring>>,
    n_in_flight: Cell<usize>,
    fork: Generation,
}

/// The choice of the environment for loops whose builder does not say.
pub(super) fn from_environment() -> Option<bool> {
    static CHOICE: OnceLock<Option<bool>> = OnceLock::new();
    *CHOICE.get_or_init(|| match env::var_os("SELVEDGE_IO_URING")?.to_str()? {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    })
}

/// An operation in flight, in the frame of the task that waits for it.
struct Node {
    task: TaskPtr,
    result: Cell<Option<OperationResult>>,
}

impl Node {
    /// The node's address, which the kernel returns with the result.
    fn token(&self) -> u64 {
        ptr::from_ref(self).expose_provenance() as u64
    }
}

impl Files {
    pub(super) fn new(is_wanted: bool) -> Self {
        Self {
            is_wanted,
            ring: OnceCell::new(),
            n_in_flight: Cell::new(0),
            fork: Generation::now(),
        }
    }

    /// Makes the ring now.
    ///
    /// # Errors
    /// If this system has no usable ring.
    pub(super) fn make(&self, poller: &Poller) -> io::Result<()> {
        let ring = Self::new_ring(poller).map_err(|error| {
            let message = format!(
                "io_uring is not usable, and the loop's builder or SELVEDGE_IO_URING demands it: {error}"
            );
            io::Error::new(error.kind(), message)
        })?;
        drop(self.ring.set(Some(ring)));
        Ok(())
    }

    fn new_ring(poller: &Poller) -> io::Result<Ring> {
        let ring = Ring::new()?;
        poller.add_readable(ring.as_fd(), TOKEN)?;
        Ok(ring)
    }

    /// The ring, which the first call makes.
    fn ring(&self, poller: &Poller) -> Option<&Ring> {
        if !self.is_wanted || !self.fork.is_this() {
            return None;
        }
        let ring = self.ring.get_or_init(|| Self::new_ring(poller).ok());
        ring.as_ref()
    }

    /// Number of operations that the kernel has or will get.
    pub(crate) fn n_in_flight(&self) -> usize {
        self.n_in_flight.get()
    }

    /// Submits the operations that tasks have queued, and unparks the tasks whose operations have ended. Returns their
    /// number.
    #[inline]
    pub(crate) fn turn(&self) -> usize {
        match self.n_in_flight.get() {
            0 => 0,
            n_before => self.turn_with(n_before),
        }
    }

    fn turn_with(&self, n_before: usize) -> usize {
        if let Some(Some(ring)) = self.ring.get() {
            // Again while the kernel keeps results for which there was no room: no event would report them.
            while ring.wants_enter() {
                enter(ring, 0);
                self.take(ring);
            }
            self.take(ring);
        }
        n_before - self.n_in_flight.get()
    }

    /// Stores the results that have arrived, and unparks their tasks.
    fn take(&self, ring: &Ring) {
        ring.take(|token, result| {
            // SAFETY: the token is the address of a node, whose frame is not left before it has its result.
            let node = unsafe { &*ptr::with_exposed_provenance::<Node>(token as usize) };
            node.result.set(Some(result));
            self.n_in_flight.update(|n| n - 1);
            unpark(node.task);
        });
    }

    /// Blocks the thread until no operation is in flight. A forked child has none.
    pub(crate) fn settle(&self) {
        if let Some(Some(ring)) = self.ring.get() {
            while self.n_in_flight.get() > 0 && self.fork.is_this() {
                enter(ring, 1);
                self.take(ring);
            }
        }
    }

    /// Cancels an operation, and blocks the thread until it has its result.
    fn finish(&self, ring: &Ring, node: &Node) {
        let mut is_asked = false;
        while node.result.get().is_none() {
            is_asked = is_asked || ring.cancel(node.token());
            enter(ring, 1);
            self.take(ring);
        }
    }
}

/// Submits, and waits for a number of results.
fn enter(ring: &Ring, n_results: u32) {
    match ring.enter(n_results) {
        Ok(()) => {}
        // The caller takes results, and calls again.
        Err(error) if io_ring::is_temporary(&error) => thread::yield_now(),
        Err(error) => {
            // The process has closed a descriptor that is not its own. The kernel may still write into frames of tasks.
            let error = error.to_string();
            write_stderr(&[
                b"\nselvedge: the ring of the event loop's files can't be used any more: ",
                error.as_bytes(),
                b"; aborting, because the kernel may still use the memory of operations on files\n",
            ]);
            std::process::abort();
        }
    }
}

/// An operation that the kernel has or will get. The destructor waits for its result.
struct InFlight<'a> {
    files: &'a Files,
    ring: &'a Ring,
    node: &'a Node,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if self.files.fork.is_this() {
            self.files.finish(self.ring, self.node);
        }
    }
}

/// What an operation changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// Nothing: if the task was cancelled, the operation has not happened, even if the kernel was faster. A cancelled task
    /// could not use the result.
    None,
    /// The file, or the descriptors. The caller gets the result, and a cancel still stands.
    Some,
}

/// May suspend. Performs an operation by the ring of the running task's loop. Returns `None` if there is no such ring, or
/// if the ring can't do this operation: then nothing has happened. `what` completes "the task waits for ...".
///
/// # Errors
/// The operation's error. `TimedOut` if the deadline of the task's I/O passes, or the error of a cancel: then the operation
/// has had no effect.
fn perform(
    operation: &Operation<'_>,
    effect: Effect,
    what: &'static str,
) -> io::Result<Option<u32>> {
    let Ok(here) = task_context() else {
        return Ok(None);
    };
    let reactor = here.core.reactor();
    let Some(ring) = reactor.files.ring(&reactor.poller) else {
        return Ok(None);
    };
    if here.task.has(MUST_CANCEL | FORCE_UNWIND) {
        return Err(delivery::io_error(here));
    }
    let files = &reactor.files;
    let (result, is_late) = match here.task.io_deadline() {
        None => (wait(here, files, ring, operation, what, || false), false),
        Some(deadline) if deadline <= here.core.clock.now() => {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Some(deadline) => Alarm::with(here, deadline, |alarm| {
            let is_late = || alarm.has_fired();
            let result = wait(here, files, ring, operation, what, is_late);
            (result, is_late())
        }),
    };
    match result.map(OperationResult::ended) {
        Some(Ended::Done(_)) if effect == Effect::None && here.task.has(MUST_CANCEL) => {
            Err(delivery::io_error(here))
        }
        Some(Ended::Done(number)) => Ok(Some(number)),
        Some(Ended::Failed(error)) => Err(error),
        Some(Ended::Refused) => Ok(None),
        Some(Ended::Cancelled) | None if here.task.has(MUST_CANCEL | FORCE_UNWIND) => {
            Err(delivery::io_error(here))
        }
        Some(Ended::Cancelled) if is_late => Err(io::ErrorKind::TimedOut.into()),
        // A signal to the kernel's own thread, or a cancel that was taken back meanwhile.
        Some(Ended::Cancelled) => Ok(None),
        // A forked child, or a queue that the kernel does not empty.
        None => Ok(None),
    }
}

/// Queues an operation, and parks the task until the result has arrived. Returns `None` if the operation could not be
/// queued, and in a forked child. If the task is cancelled or `is_late` returns true, asks the kernel to cancel the
/// operation, and goes on waiting.
fn wait(
    here: TaskContext,
    files: &Files,
    ring: &Ring,
    operation: &Operation<'_>,
    what: &'static str,
    is_late: impl Fn() -> bool,
) -> Option<OperationResult> {
    let node = Node {
        task: here.task,
        result: Cell::new(None),
    };
    // SAFETY: the operation's borrows and the node outlive this frame, and this frame is not left before the result was
    // taken: see the head of this file.
    unsafe { ring.push(operation, node.token()) }.ok()?;
    files.n_in_flight.update(|n| n + 1);
    let in_flight = InFlight {
        files,
        ring,
        node: &node,
    };
    let mut is_asked = false;
    while node.result.get().is_none() && files.fork.is_this() {
        if here.task.has(FORCE_UNWIND) {
            files.finish(ring, &node);
        } else {
            if !is_asked && (here.task.has(MUST_CANCEL) || is_late()) {
                is_asked = ring.cancel(node.token());
            }
            park::park_shielded(here, &what);
        }
    }
    drop(in_flight);
    here.task.n_immediate.set(0);
    node.result.get()
}

/// May suspend. Reads from a file at an offset. `None`: see [`perform`].
pub(crate) fn read(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
    offset: u64,
) -> io::Result<Option<usize>> {
    let operation = Operation::read(fd, buffer, offset);
    Ok(perform(&operation, Effect::None, "a read of a file")?.map(|n| n as usize))
}

/// May suspend. Writes to a file at an offset, or [`AT_END`]. `None`: see [`perform`].
pub(crate) fn write(fd: BorrowedFd<'_>, bytes: &[u8], offset: u64) -> io::Result<Option<usize>> {
    let operation = Operation::write(fd, bytes, offset);
    Ok(perform(&operation, Effect::Some, "a write to a file")?.map(|n| n as usize))
}

/// May suspend. Flushes a file to the disk. `None`: see [`perform`].
pub(crate) fn sync(fd: BorrowedFd<'_>, is_data_only: bool) -> io::Result<Option<()>> {
    let operation = Operation::sync(fd, is_data_only);
    Ok(perform(&operation, Effect::Some, "a flush of a file to the disk")?.map(drop))
}

/// May suspend. Opens a path. `None`: see [`perform`]; also if the path refers to a stream, whose other end an `open` may
/// wait for, and if the options are not valid.
pub(crate) fn open(path: &Path, how: &How) -> io::Result<Option<OwnedFd>> {
    let Ok(path) = CString::new(path.as_os_str().as_bytes()) else {
        return Ok(None);
    };
    let Some(operation) = Operation::open(&path, how) else {
        return Ok(None);
    };
    match kind(&path) {
        Ok(Some(Kind::Stored)) => {}
        Ok(_) => return Ok(None),
        // Opening has the same error, or makes the file.
        Err(error) if error.raw_os_error().is_some() => {}
        Err(error) => return Err(error),
    }
    let opened = perform(&operation, Effect::Some, "the opening of a file")?;
    // SAFETY: the number comes from the operation.
    Ok(opened.map(|number| unsafe { io_ring::opened(number) }))
}

/// May suspend. Whether a path exists. `None`: see [`perform`].
pub(crate) fn exists(path: &Path) -> io::Result<Option<bool>> {
    let Ok(path) = CString::new(path.as_os_str().as_bytes()) else {
        return Ok(None);
    };
    match kind(&path) {
        Ok(kind) => Ok(kind.map(|_| true)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Some(false)),
        Err(error) => Err(error),
    }
}

/// May suspend. What a path refers to.
fn kind(path: &CStr) -> io::Result<Option<Kind>> {
    let mut status = Status::new();
    let operation = Operation::status(path, &mut status);
    let done = perform(&operation, Effect::None, "the status of a file")?;
    Ok(done.map(|_| status.kind()))
}

/// Whether the running task's loop has a ring. Makes the ring.
pub(crate) fn is_used() -> bool {
    task_context().is_ok_and(|here| {
        let reactor = here.core.reactor();
        reactor.files.ring(&reactor.poller).is_some()
    })
}
