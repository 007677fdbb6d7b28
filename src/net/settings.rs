//! Settings that the clones of a socket share: timeouts, and whether operations may wait.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::sys::wait_fd::Direction;
use crate::util::io_error::invalid_input;

/// What std keeps in the open file description, which clones share. No operation here depends on the
/// description's mode or timeouts, hence a copy beside them.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// Zero for no timeout.
    read_timeout_ns: AtomicU64,
    /// Zero for no timeout.
    write_timeout_ns: AtomicU64,
    /// Whether an operation that would wait fails with `WouldBlock` instead.
    is_nonblocking: AtomicBool,
}

impl Settings {
    fn timeout_ns(&self, direction: Direction) -> &AtomicU64 {
        match direction {
            Direction::Read => &self.read_timeout_ns,
            Direction::Write => &self.write_timeout_ns,
        }
    }

    pub(super) fn timeout(&self, direction: Direction) -> Option<Duration> {
        match self.timeout_ns(direction).load(Relaxed) {
            0 => None,
            ns => Some(Duration::from_nanos(ns)),
        }
    }

    pub(super) fn set_timeout(
        &self,
        direction: Direction,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        let ns = match timeout {
            None => 0,
            Some(Duration::ZERO) => return Err(zero_timeout()),
            Some(timeout) => u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX),
        };
        self.timeout_ns(direction).store(ns, Relaxed);
        Ok(())
    }

    pub(super) fn is_nonblocking(&self) -> bool {
        self.is_nonblocking.load(Relaxed)
    }

    pub(super) fn set_nonblocking(&self, is_nonblocking: bool) {
        self.is_nonblocking.store(is_nonblocking, Relaxed);
    }
}

/// std's error for a timeout of zero, which the system calls would take for no timeout.
pub(super) fn zero_timeout() -> io::Error {
    invalid_input("cannot set a 0 duration timeout")
}
