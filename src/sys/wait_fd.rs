//! Blocks the thread until one descriptor is ready in one direction: how an operation waits on a thread
//! without an event loop.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

/// Waits until a transfer in this direction would not block. False on timeout.
///
/// `None` waits without limit; zero checks once. A descriptor with an error or without a peer counts
/// as ready: the transfer then returns the error. Signals neither end nor prolong the wait.
///
/// # Errors
/// The error of `poll`; `EBADF` for a descriptor that is not open.
pub(crate) fn wait_fd(
    fd: BorrowedFd<'_>,
    direction: Direction,
    timeout: Option<Duration>,
) -> io::Result<bool> {
    let events = match direction {
        Direction::Read => libc::POLLIN,
        Direction::Write => libc::POLLOUT,
    };
    Ok(poll(fd, events, timeout)? != 0)
}

/// Whether the peer of a stream socket has closed the connection, or shut down its side for writing. Bytes may still be
/// unread.
///
/// # Errors
/// As [`wait_fd`].
pub(crate) fn is_peer_closed(fd: BorrowedFd<'_>) -> io::Result<bool> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let events = libc::POLLRDHUP;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let events = 0;
    Ok(poll(fd, events, Some(Duration::ZERO))? != 0)
}

/// As [`wait_fd`], until either direction is ready. Returns the ready direction, writing if both are ready, or
/// `None` on timeout.
///
/// # Errors
/// As [`wait_fd`].
#[cfg(feature = "http")]
pub(crate) fn wait_fd_either(
    fd: BorrowedFd<'_>,
    timeout: Option<Duration>,
) -> io::Result<Option<Direction>> {
    Ok(match poll(fd, libc::POLLIN | libc::POLLOUT, timeout)? {
        0 => None,
        libc::POLLIN => Some(Direction::Read),
        _ => Some(Direction::Write),
    })
}

/// Waits for events, and returns those that have happened: none on timeout.
fn poll(
    fd: BorrowedFd<'_>,
    events: libc::c_short,
    timeout: Option<Duration>,
) -> io::Result<libc::c_short> {
    // A deadline that the clock can't represent is no deadline.
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let mut entry = libc::pollfd {
        fd: fd.as_raw_fd(),
        events,
        revents: 0,
    };
    loop {
        let remaining = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // SAFETY: poll reads and writes one entry, which `entry` is.
        match unsafe { libc::poll(&mut entry, 1, remaining.map_or(-1, milliseconds_rounded_up)) } {
            0 if remaining == Some(Duration::ZERO) => return Ok(0),
            // `poll` can return early: a timeout beyond `i32::MAX` milliseconds takes several calls.
            0 => {}
            -1 => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
            _ if entry.revents & libc::POLLNVAL != 0 => {
                return Err(io::Error::from_raw_os_error(libc::EBADF));
            }
            _ => return Ok(entry.revents),
        }
    }
}

/// The timeout in the unit of `poll`, rounded up so that the wait does not end before the deadline.
pub(crate) fn milliseconds_rounded_up(timeout: Duration) -> i32 {
    let rest = timeout.subsec_nanos().div_ceil(1_000_000);
    let whole = timeout.as_secs().saturating_mul(1_000);
    i32::try_from(whole.saturating_add(rest.into())).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc::{RecvTimeoutError, channel};
    use std::thread;

    #[test]
    fn readable_when_bytes_are_there() {
        let (reader, mut writer) = UnixStream::pair().unwrap();
        assert!(!wait_fd(reader.as_fd(), Direction::Read, Some(Duration::ZERO)).unwrap());
        writer.write_all(b"x").unwrap();
        assert!(wait_fd(reader.as_fd(), Direction::Read, None).unwrap());
    }

    #[test]
    fn writable_until_the_buffer_is_full() {
        let (mut writer, mut reader) = UnixStream::pair().unwrap();
        assert!(wait_fd(writer.as_fd(), Direction::Write, None).unwrap());
        writer.set_nonblocking(true).unwrap();
        while writer.write(&[0; 4096]).is_ok() {}
        assert!(!wait_fd(writer.as_fd(), Direction::Write, Some(Duration::ZERO)).unwrap());
        let drainer = thread::spawn(move || {
            reader.set_nonblocking(true).unwrap();
            while reader.read(&mut [0; 4096]).is_ok() {}
            reader
        });
        assert!(wait_fd(writer.as_fd(), Direction::Write, None).unwrap());
        drainer.join().unwrap();
    }

    #[test]
    fn a_closed_peer_counts_as_ready() {
        let (reader, writer) = UnixStream::pair().unwrap();
        drop(writer);
        assert!(wait_fd(reader.as_fd(), Direction::Read, None).unwrap());
    }

    #[test]
    fn a_timeout_is_waited_for_in_full() {
        let (reader, _writer) = UnixStream::pair().unwrap();
        let start = Instant::now();
        let timeout = Duration::from_micros(2_300);
        assert!(!wait_fd(reader.as_fd(), Direction::Read, Some(timeout)).unwrap());
        assert!(start.elapsed() >= timeout);
    }

    #[test]
    fn the_longest_timeout_does_not_overflow() {
        let (reader, mut writer) = UnixStream::pair().unwrap();
        writer.write_all(b"x").unwrap();
        assert!(wait_fd(reader.as_fd(), Direction::Read, Some(Duration::MAX)).unwrap());
    }

    /// A handler without SA_RESTART makes `poll` fail with EINTR; the wait continues for the rest of its
    /// timeout, and no longer.
    #[test]
    fn signals_neither_end_nor_prolong_the_wait() {
        extern "C" fn ignore(_: libc::c_int) {}
        // SAFETY: the handler does nothing, and no other test uses this signal.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = ignore as *const () as usize;
            libc::sigaction(libc::SIGUSR2, &action, std::ptr::null_mut());
        }
        let (reader, mut writer) = UnixStream::pair().unwrap();
        let timeout = Duration::from_millis(30);
        // SAFETY: pthread_self has no preconditions.
        let waiter = unsafe { libc::pthread_self() };
        thread::scope(|scope| {
            let (done, is_done) = channel::<()>();
            scope.spawn(move || {
                // One signal per millisecond until the wait has ended or panicked.
                let interval = Duration::from_millis(1);
                while is_done.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                    // SAFETY: the waiting thread joins this one before it ends.
                    unsafe { libc::pthread_kill(waiter, libc::SIGUSR2) };
                }
            });
            let start = Instant::now();
            assert!(!wait_fd(reader.as_fd(), Direction::Read, Some(timeout)).unwrap());
            assert!(start.elapsed() >= timeout);
            writer.write_all(b"x").unwrap();
            assert!(wait_fd(reader.as_fd(), Direction::Read, None).unwrap());
            drop(done);
        });
    }
}
