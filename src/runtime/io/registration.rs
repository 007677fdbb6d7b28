//! [`Registration`]: a socket's half of its registration with a reactor, and the steps of every operation on a socket: try,
//! wait if it would block, try again.

use std::io;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::Side;
use super::limit::{time_left, wait_until};
use super::owner::Owner;
use crate::error::WaitError;
use crate::runtime::core::{InsertAt, TaskContext, context};
use crate::runtime::threads::Message;
use crate::runtime::time::Alarm;
use crate::runtime::wait::{consume_io_budget, is_io_ending, task_context};
use crate::sys::wait_fd::{Direction, wait_fd};
use crate::util::lock::lock;

/// A socket's registration: with which loop, under which token. The first loop that has to wait for the socket owns the
/// registration until the socket is deregistered.
pub(crate) struct Registration {
    /// 0 for no loop.
    loop_id: AtomicU64,
    /// Threads other than the owning loop's read it only under the lock.
    token: AtomicU64,
    owner: Mutex<Owner>,
}

const NO_TOKEN: u64 = u64::MAX;

impl Registration {
    pub(crate) fn new() -> Self {
        Self::with_owner(Owner::default())
    }

    /// The registration of another descriptor of the same socket.
    pub(crate) fn for_clone(&self) -> Self {
        let mut owner = lock(&self.owner);
        Self::with_owner(owner.for_clone(self.token.load(Relaxed)))
    }

    /// Whether another descriptor of the socket has a registration.
    pub(crate) fn has_clones(&self) -> bool {
        lock(&self.owner).has_clones()
    }

    fn with_owner(owner: Owner) -> Self {
        Self {
            loop_id: AtomicU64::new(0),
            token: AtomicU64::new(NO_TOKEN),
            owner: Mutex::new(owner),
        }
    }

    /// May suspend. Calls `op` until it returns something other than `WouldBlock`. Parks the task in between, or blocks
    /// the thread where no loop runs.
    ///
    /// # Errors
    /// `TimedOut` if the timeout passes, or the deadline of the task's I/O; the error of a cancel; the errors of `op`;
    /// an error that says why the code can't wait: in a callback, while panicking, on a loop that does not own the
    /// socket.
    pub(crate) fn io<T>(
        &self,
        fd: BorrowedFd<'_>,
        direction: Direction,
        timeout: Option<Duration>,
        mut op: impl FnMut() -> io::Result<T>,
    ) -> io::Result<T> {
        self.run(fd, direction, timeout, |_| op())
    }

    /// As [`io`](Self::io), for byte streams: after a transfer of fewer bytes than the kernel was given the side is
    /// drained, so the attempt that would block is saved.
    pub(crate) fn stream_io(
        &self,
        fd: BorrowedFd<'_>,
        direction: Direction,
        n_given: usize,
        timeout: Option<Duration>,
        mut op: impl FnMut() -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.run(fd, direction, timeout, |side| {
            let n = op()?;
            // Zero bytes mean the end of the stream: the side stays ready.
            if let Some(side) = side
                && n > 0
                && n < n_given
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
            // If a wait would fail, one attempt precedes it, so that I/O that is ready succeeds.
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
    pub(super) fn side(&self, direction: Direction) -> Option<Rc<Side>> {
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
            _ => {
                let side = self.claim(here, fd, direction)?;
                if side.is_closed.get() {
                    // Shut down since the attempt, which no event reports: another attempt does.
                    return Ok(Some(side));
                }
                side
            }
        };
        if side.is_ready.get() && !side.is_closed.get() {
            // Registered just now, after an attempt that would have blocked: the poller reports any change since.
            side.is_ready.set(false);
        }
        let _counted = Counted::new(here);
        if timeout.is_some() || here.task.io_deadline().is_some() {
            wait_at_most(timeout, here, place, &side, deadline)?;
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
    pub(super) fn claim(
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
        let mut owner = lock(&self.owner);
        owner.set(&reactor.injector, token);
        for direction in [Direction::Read, Direction::Write] {
            // Between the attempt that would have blocked and now.
            if owner.is_shut(direction) {
                reactor.shut(token, direction);
            }
        }
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
        if owner.is_closed() {
            owner.take(self.token.swap(NO_TOKEN, Relaxed));
            // The next loop that claims the socket owns it; another one may have been faster.
            let _ = self.loop_id.compare_exchange(owner_id, 0, Relaxed, Relaxed);
        }
    }

    /// Deregisters the socket, before its descriptor is closed or given away. Its waiters get an error.
    pub(crate) fn deregister(&self) {
        let mut owner = lock(&self.owner);
        let token = self.token.swap(NO_TOKEN, Relaxed);
        self.loop_id.store(0, Relaxed);
        let injector = owner.take(token);
        drop(owner);
        let Some(injector) = injector else {
            return;
        };
        match context::current().filter(|core| core.id == injector.loop_id) {
            Some(core) => core.reactor().forget(token),
            // A closed loop has forgotten the socket already.
            None => drop(injector.push(Message::Forget(token))),
        }
    }

    /// Wakes the tasks that wait for a direction of the socket, or of a clone, after a call has shut the direction
    /// down.
    pub(crate) fn shut(&self, direction: Direction) {
        let registered = lock(&self.owner).shut(direction, self.token.load(Relaxed));
        for (injector, token) in registered {
            match context::current().filter(|core| core.id == injector.loop_id) {
                Some(core) => core.reactor().shut(token, direction),
                None => drop(injector.push(Message::Shut(token, direction))),
            }
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
    match why {
        WaitError::NoLoop => block(fd, direction, timeout, deadline).map(|()| None),
        _ => Err(wait_is_impossible(why)),
    }
}

/// The error where a loop runs but no task can be parked.
pub(super) fn wait_is_impossible(why: WaitError) -> io::Error {
    let kind = match why {
        WaitError::Panicking => io::ErrorKind::WouldBlock,
        WaitError::NoLoop | WaitError::NoTask => io::ErrorKind::Other,
    };
    io::Error::new(kind, why.sentence())
}

/// Waits until the side may be ready or the socket is gone. `TimedOut` if the timeout passes first.
///
/// A function of its own, so that its frame is not on the stack of each task that waits without a timeout.
#[inline(never)]
fn wait_at_most(
    timeout: Option<Duration>,
    here: TaskContext,
    place: InsertAt,
    side: &Side,
    deadline: &mut Option<Instant>,
) -> io::Result<()> {
    let until = wait_until(timeout, here, deadline)?;
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
    let left = time_left(timeout, deadline);
    // The system does not wake a thread that writes to a Unix socket when another thread shuts the socket down
    // for writing.
    let is_untold = direction == Direction::Write && is_unix_socket(fd);
    let at_most = is_untold.then_some(LOOK_AGAIN);
    let look_again = at_most.filter(|at_most| left.is_none_or(|left| left > *at_most));
    if wait_fd(fd, direction, look_again.or(left))? || look_again.is_some() {
        Ok(())
    } else {
        Err(io::ErrorKind::TimedOut.into())
    }
}

/// The interval of attempts by a thread that waits to write to a Unix socket.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

fn is_unix_socket(fd: BorrowedFd<'_>) -> bool {
    let address = SockRef::from(&fd).local_addr();
    address.is_ok_and(|address| address.is_unix())
}

pub(super) fn socket_is_gone() -> io::Error {
    io::Error::new(
        io::ErrorKind::NotConnected,
        "the socket was closed, or taken out of the loop, while a task waited for it",
    )
}

/// Counts a task that waits for a descriptor while the guard lives. It names the loop, because what an abandoned task has
/// borrowed for its wait may be dropped later, on another loop.
pub(super) struct Counted {
    loop_id: u64,
}

impl Counted {
    pub(super) fn new(here: TaskContext) -> Self {
        here.core.reactor().n_waiting.update(|n| n + 1);
        Self {
            loop_id: here.core.id,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(core) = context::current().filter(|core| core.id == self.loop_id) {
            core.reactor().n_waiting.update(|n| n - 1);
        }
    }
}
