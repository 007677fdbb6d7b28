//! [`Registration::write_unless_readable`]: an operation that waits for either direction of a socket.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::Registration;
use super::limit::{time_left, wait_until};
use super::registration::{Counted, socket_is_gone, wait_is_impossible};
use crate::error::WaitError;
use crate::runtime::core::TaskContext;
use crate::runtime::time::Alarm;
use crate::runtime::wait::{consume_io_budget, is_io_ending, task_context};
use crate::sys::wait_fd::{Direction, wait_fd, wait_fd_either};

impl Registration {
    /// May suspend. Calls `op`, which writes at most `wanted` bytes, until it returns something other than
    /// `WouldBlock`. Returns `None` if the socket may be readable before that.
    ///
    /// A socket counts as readable while it has bytes to read, or an end.
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
        consume_io_budget(1)?;
        let mut is_first = true;
        loop {
            let side = self.side(Direction::Write);
            // If a wait would fail, one attempt precedes it, so that I/O that is ready succeeds.
            if side.as_ref().is_none_or(|side| side.is_ready.get()) || is_first && is_io_ending() {
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
            is_first = false;
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
            // The descriptor was just registered, after an attempt that would have blocked: the poller reports
            // any change since.
            write.is_ready.set(false);
        }
        let _counted = Counted::new(here);
        if read.is_ready.get()
            && !read.is_closed.get()
            && !wait_fd(fd, Direction::Read, Some(Duration::ZERO))?
        {
            // The last read took all bytes without a sign of that. Further bytes are an event.
            read.set_drained();
        }
        // The write side may have been shut down since the attempt, which no event reports.
        let is_over = || read.is_ready.get() || write.is_closed.get() || write.is_gone.get();
        if !is_over() {
            let until = wait_until(timeout, here, deadline)?;
            Alarm::with(here, until, |alarm| {
                let (waiters, other) = (&write.waiters, &read.waiters);
                let gives_up = || is_over() || alarm.has_fired();
                if waiters.wait_io_beside(other, here, &*write, gives_up)? || is_over() {
                    Ok(())
                } else {
                    Err(io::Error::from(io::ErrorKind::TimedOut))
                }
            })?;
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
