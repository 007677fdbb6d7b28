//! [`Registration`]: a socket's half of its registration with a reactor, and the steps of every operation on a socket: try,
//! wait if it would block, try again.

use std::io;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::Side;
use crate::error::WaitError;
use crate::runtime::core::{InsertAt, NEVER, Nanoseconds, TaskContext, context};
use crate::runtime::threads::{Injector, Message};
use crate::runtime::time::Alarm;
use crate::runtime::wait::{consume_io_budget, is_io_ending, task_context};
use crate::sys::wait_fd::{Direction, wait_fd};
use crate::util::lock::lock;

/// A socket's registration: with which loop, under which token. The first loop that has to wait for the socket owns the
/// registration until the socket is deregistered.
pub(crate) struct Registration {
    /// 0 for no loop.
    loop_id: AtomicU64,
    /// Used by the owning loop's thread only.
    token: AtomicU64,
    owner: Mutex<Option<Arc<Injector>>>,
}

const NO_TOKEN: u64 = u64::MAX;

impl Registration {
    pub(crate) const fn new() -> Self {
        Self {
            loop_id: AtomicU64::new(0),
            token: AtomicU64::new(NO_TOKEN),
            owner: Mutex::new(None),
        }
    }

    /// May suspend. Calls `op` until it returns something other than `WouldBlock`. Parks the task in between, or blocks
    /// the thread where no loop runs.
    ///
    /// # Errors
    /// `TimedOut` if the timeout passes, or the deadline of the task's I/O; the error of a cancel; the errors of `op`; an
    /// error that says so where the code can't wait: in a callback, while panicking, on a loop that does not own the socket.
    pub(crate) fn io<T>(
        &self,
        fd: BorrowedFd<'_>,
        direction: Direction,
        timeout: Option<Duration>,
        mut op: impl FnMut() -> io::Result<T>,
    ) -> io::Result<T> {
        self.run(fd, direction, timeout, |_| op())
    }

    /// As [`io`](Self::io), for byte streams: a transfer of fewer bytes than `wanted` says that the side is drained, which
    /// spares the attempt that would block.
    pub(crate) fn stream_io(
        &self,
        fd: BorrowedFd<'_>,
        direction: Direction,
        wanted: usize,
        timeout: Option<Duration>,
        mut op: impl FnMut() -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.run(fd, direction, timeout, |side| {
            let n = op()?;
            // Zero bytes mean the end of the stream: the side stays ready.
            if let Some(side) = side
                && n > 0
                && n < wanted
            {
                side.set_short();
            }
            Ok(n)
        })
    }

    fn run<T>(
        &self,
        fd: BorrowedFd<'_>,
        direction: Direction,
        timeout: Option<Duration>,
        mut op: impl FnMut(Option<&Side>) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut deadline = None;
        let mut place = InsertAt::Back;
        // Before the operation, so that a cancel loses nothing.
        consume_io_budget(1)?;
        let mut side = self.side(direction);
        let mut is_first = true;
        loop {
            // Where a wait would fail, an attempt comes first: what is ready succeeds.
            if side.as_ref().is_none_or(|side| side.is_ready.get()) || is_first && is_io_ending() {
                match op(side.as_deref()) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        if let Some(side) = &side {
                            side.set_drained();
                        }
                    }
                    result => {
                        if let Some(side) = side.filter(|side| side.is_ready.get()) {
                            side.waiters.wake_one();
                        }
                        return result;
                    }
                }
            }
            side = self.wait(side, fd, direction, place, timeout, &mut deadline)?;
            place = InsertAt::Front;
            is_first = false;
        }
    }

    /// A side of this socket, where the running loop has registered the socket.
    fn side(&self, direction: Direction) -> Option<Rc<Side>> {
        let token = self.token.load(Relaxed);
        if token == NO_TOKEN {
            return None;
        }
        let core = context::current()?;
        if core.id != self.loop_id.load(Relaxed) {
            return None;
        }
        core.reactor().side(token, direction)
    }

    /// Waits until the direction may be ready. Takes and returns the socket's side in the running loop, if
    /// there is one.
    fn wait(
        &self,
        known: Option<Rc<Side>>,
        fd: BorrowedFd<'_>,
        direction: Direction,
        place: InsertAt,
        timeout: Option<Duration>,
        deadline: &mut Option<Instant>,
    ) -> io::Result<Option<Rc<Side>>> {
        let here = match task_context() {
            Ok(here) => here,
            Err(why) => return wait_elsewhere(why, fd, direction, timeout, deadline),
        };
        // The operation may be user code, after which another loop may run.
        let side = match known {
            Some(side) if here.core.id == self.loop_id.load(Relaxed) => side,
            _ => self.claim(here, fd, direction)?,
        };
        if side.is_ready.get() && !side.is_closed.get() {
            // Registered just now, after an attempt that would have blocked: the poller reports any change since.
            side.is_ready.set(false);
        }
        let _counted = Counted::new();
        let io_deadline = here.task.io_deadline();
        if timeout.is_some() || io_deadline.is_some() {
            let io_deadline = io_deadline.unwrap_or(NEVER);
            wait_at_most(timeout, io_deadline, here, place, &side, deadline)?;
        } else {
            let is_gone = || side.is_gone.get();
            while !side.waiters.wait_io(here, place, &*side, is_gone)? && !is_gone() {}
        }
        if side.is_gone.get() {
            return Err(socket_is_gone());
        }
        Ok(Some(side))
    }

    /// Registers the socket with the running loop, if it is not.
    #[cold]
    fn claim(
        &self,
        here: TaskContext,
        fd: BorrowedFd<'_>,
        direction: Direction,
    ) -> io::Result<Rc<Side>> {
        let id = here.core.id;
        self.release_from_closed_loop(id);
        let owner = self.loop_id.compare_exchange(0, id, Relaxed, Relaxed);
        if owner.is_err_and(|owner| owner != id) {
            return Err(io::Error::other(
                "selvedge: this socket belongs to another event loop, which has waited for it \
                 first; give each loop its own by try_clone",
            ));
        }
        if let Some(side) = self.side(direction) {
            return Ok(side);
        }
        let reactor = here.core.reactor();
        let token = reactor
            .register(fd)
            .inspect_err(|_| self.loop_id.store(0, Relaxed))?;
        self.token.store(token, Relaxed);
        *lock(&self.owner) = Some(Arc::clone(&reactor.injector));
        let side = reactor.side(token, direction);
        Ok(side.expect("the descriptor was registered just now"))
    }

    /// Releases the socket from a loop that has closed, so that another loop can own it.
    fn release_from_closed_loop(&self, id: u64) {
        let owner_id = self.loop_id.load(Relaxed);
        if owner_id == 0 || owner_id == id {
            return;
        }
        let mut owner = lock(&self.owner);
        if owner.as_ref().is_some_and(|owner| owner.is_closed()) {
            *owner = None;
            self.token.store(NO_TOKEN, Relaxed);
            // The next loop that claims the socket owns it; another one may have been faster.
            let _ = self.loop_id.compare_exchange(owner_id, 0, Relaxed, Relaxed);
        }
    }

    /// Deregisters the socket, before its descriptor is closed or given away. Its waiters get an error.
    pub(crate) fn deregister(&self, fd: BorrowedFd<'_>) {
        let token = self.token.swap(NO_TOKEN, Relaxed);
        let loop_id = self.loop_id.swap(0, Relaxed);
        let owner = lock(&self.owner).take();
        let Some(owner) = owner.filter(|_| token != NO_TOKEN) else {
            return;
        };
        match context::current().filter(|core| core.id == loop_id) {
            Some(core) => core.reactor().remove(fd, token),
            // A closed loop has forgotten the socket already.
            None => drop(owner.push(Message::Forget(token))),
        }
    }
}

/// Blocks the thread where no loop runs. An error where a loop runs but no task can be parked.
#[cold]
fn wait_elsewhere(
    why: WaitError,
    fd: BorrowedFd<'_>,
    direction: Direction,
    timeout: Option<Duration>,
    deadline: &mut Option<Instant>,
) -> io::Result<Option<Rc<Side>>> {
    let kind = match why {
        WaitError::NoLoop => return block(fd, direction, timeout, deadline).map(|()| None),
        WaitError::Panicking => io::ErrorKind::WouldBlock,
        WaitError::NoTask => io::ErrorKind::Other,
    };
    Err(io::Error::new(kind, why.sentence()))
}

/// Waits until the side may be ready or the socket is gone. `TimedOut` if the timeout passes first.
///
/// A function of its own, so that its frame is not on the stack of each task that waits without a timeout.
#[inline(never)]
fn wait_at_most(
    timeout: Option<Duration>,
    io_deadline: Nanoseconds,
    here: TaskContext,
    place: InsertAt,
    side: &Side,
    deadline: &mut Option<Instant>,
) -> io::Result<()> {
    let clock = &here.core.clock;
    let until = timeout.map_or(NEVER, |timeout| {
        clock.at(*deadline.get_or_insert_with(|| clock.instant_of(clock.after(timeout))))
    });
    let until = until.min(io_deadline);
    if until <= clock.now() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Alarm::with(here, until, |alarm| {
        let gives_up = || alarm.has_fired() || side.is_gone.get();
        if side.waiters.wait_io(here, place, side, gives_up)? || side.is_gone.get() {
            Ok(())
        } else {
            Err(io::ErrorKind::TimedOut.into())
        }
    })
}

/// Blocks a thread without a loop until the direction may be ready.
fn block(
    fd: BorrowedFd<'_>,
    direction: Direction,
    timeout: Option<Duration>,
    deadline: &mut Option<Instant>,
) -> io::Result<()> {
    let left = match (timeout, *deadline) {
        (None, _) => None,
        (Some(timeout), None) => {
            *deadline = Instant::now().checked_add(timeout);
            Some(timeout)
        }
        (Some(_), Some(until)) => Some(until.saturating_duration_since(Instant::now())),
    };
    if wait_fd(fd, direction, left)? {
        Ok(())
    } else {
        Err(io::ErrorKind::TimedOut.into())
    }
}

fn socket_is_gone() -> io::Error {
    io::Error::new(
        io::ErrorKind::NotConnected,
        "the socket was closed, or taken out of the loop, while a task waited for it",
    )
}

/// Counts a task that waits for a descriptor while the guard lives.
struct Counted;

impl Counted {
    fn new() -> Self {
        count(|n| n + 1);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        count(|n| n - 1);
    }
}

fn count(change: impl FnOnce(usize) -> usize) {
    if let Some(core) = context::current() {
        core.reactor().n_waiting.update(change);
    }
}
