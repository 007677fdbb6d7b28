//! [`Registration::write_unless_readable`]: an operation that waits for either direction of a socket.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::Registration;
use super::registration::{Counted, socket_is_gone, time_left, wait_is_impossible};
use crate::error::WaitError;
use crate::runtime::core::TaskContext;
use crate::runtime::time::Alarm;
use crate::runtime::wait::{consume_budget, task_context};
use crate::sys::wait_fd::{Direction, wait_fd_either};

impl Registration {
    /// May suspend. Calls `op`, which writes at most `wanted` bytes, until it returns something other than `WouldBlock`.
    /// `None` if the socket may be readable before that.
    ///
    /// A socket counts as readable until a read would have blocked.
    ///
    /// # Errors
    /// As [`io`](Self::io).
    pub(crate) fn write_unless_readable(
        &self,
        fd: BorrowedFd<'_>,
        wanted: usize,
        timeout: Option<Duration>,
        mut op: impl FnMut() -> io::Result<usize>,
    ) -> io::Result<Option<usize>> {
        let mut deadline = None;
        consume_budget(1);
        loop {
            let side = self.side(Direction::Write);
            if side.as_ref().is_none_or(|side| side.is_ready.get()) {
                match op() {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        if let Some(side) = side {
                            side.set_drained();
                        }
                    }
                    result => {
                        if let (Some(side), Ok(n)) = (side, &result)
                            && *n < wanted
                        {
                            side.set_short();
                        }
                        return result.map(Some);
                    }
                }
            }
            let ready = match task_context() {
                Ok(here) => self.wait_for_either(here, fd, timeout, &mut deadline)?,
                Err(WaitError::NoLoop) => {
                    let ready = wait_fd_either(fd, time_left(timeout, &mut deadline))?;
                    ready.ok_or(io::ErrorKind::TimedOut)?
                }
                Err(why) => return Err(wait_is_impossible(why)),
            };
            if ready == Direction::Read {
                return Ok(None);
            }
        }
    }

    /// Waits until one direction may be ready, and returns which.
    fn wait_for_either(
        &self,
        here: TaskContext,
        fd: BorrowedFd<'_>,
        timeout: Option<Duration>,
        deadline: &mut Option<Instant>,
    ) -> io::Result<Direction> {
        let write = self.claim(here, fd, Direction::Write)?;
        let read = self.claim(here, fd, Direction::Read)?;
        if write.is_ready.get() && !write.is_closed.get() {
            // Registered just now, after an attempt that would have blocked: the poller reports any change since.
            write.is_ready.set(false);
        }
        let clock = &here.core.clock;
        if let Some(timeout) = timeout {
            deadline.get_or_insert_with(|| clock.instant_of(clock.after(timeout)));
        }
        let _counted = Counted::new();
        let is_over = || read.is_ready.get() || write.is_gone.get();
        if !is_over() {
            match *deadline {
                None => {
                    write
                        .waiters
                        .wait_beside(&read.waiters, here, &*write, is_over);
                }
                Some(until) if until <= clock.instant() => {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                Some(until) => Alarm::with(here, clock.at(until), |alarm| {
                    let gives_up = || is_over() || alarm.has_fired();
                    let is_woken =
                        write
                            .waiters
                            .wait_beside(&read.waiters, here, &*write, gives_up);
                    let has_ended = is_woken || is_over();
                    has_ended.then_some(()).ok_or(io::ErrorKind::TimedOut)
                })?,
            }
        }
        if write.is_gone.get() {
            return Err(socket_is_gone());
        }
        Ok(if write.is_ready.get() || !read.is_ready.get() {
            Direction::Write
        } else {
            Direction::Read
        })
    }
}
