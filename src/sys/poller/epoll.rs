//! The poller on Linux: epoll, with an eventfd for notifications.
//!
//! Edge-triggered for both directions at once, so that a descriptor costs one system call in its life. The
//! eventfd is edge-triggered as well: each write to it is an event, and nothing reads it.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use super::{Event, RESERVED_TOKEN};
use crate::sys::wait_fd::milliseconds_rounded_up;
use crate::sys::{check, count};

pub(super) type RawEvent = libc::epoll_event;

/// Both directions, urgent data, the peer's half-close, and edges. Errors and hang-ups are always reported.
const INTEREST: u32 =
    (libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLPRI | libc::EPOLLRDHUP | libc::EPOLLET) as u32;

pub(crate) const TELLS_OF_URGENT_DATA: bool = true;

pub(super) struct Queue {
    epoll: OwnedFd,
    notifier: Notifier,
}

/// Whether to sleep by `epoll_pwait2`, which counts nanoseconds. Cleared when a kernel before Linux 5.11
/// refuses it.
static IS_PRECISE: AtomicBool = AtomicBool::new(true);

impl Queue {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: epoll_create1 has no preconditions.
        let epoll = owned(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: eventfd has no preconditions.
        let event = owned(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        let queue = Self {
            epoll,
            notifier: Notifier(Arc::new(event)),
        };
        let interest = (libc::EPOLLIN | libc::EPOLLET) as u32;
        let event = queue.notifier.0.as_raw_fd();
        queue.control(libc::EPOLL_CTL_ADD, event, interest, RESERVED_TOKEN)?;
        Ok(queue)
    }

    pub(super) fn add(&self, fd: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd.as_raw_fd(), INTEREST, token)
    }

    #[cfg(all(feature = "io-uring", target_os = "linux"))]
    pub(super) fn add_readable(&self, fd: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        let interest = (libc::EPOLLIN | libc::EPOLLET) as u32;
        self.control(libc::EPOLL_CTL_ADD, fd.as_raw_fd(), interest, token)
    }

    pub(super) fn renew(&self, fd: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd.as_raw_fd(), INTEREST, token)
    }

    pub(super) fn remove(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, fd.as_raw_fd(), 0, 0)
    }

    fn control(&self, operation: i32, fd: i32, events: u32, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events, u64: token };
        // SAFETY: the event is readable; epoll_ctl keeps a copy, and no pointer.
        let result = unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, fd, &mut event) };
        check(result).map(drop)
    }

    /// Appends events to `events`, which is empty and has room for a batch.
    pub(super) fn wait(
        &self,
        timeout: Option<Duration>,
        n_max: usize,
        events: &mut Vec<RawEvent>,
    ) -> io::Result<()> {
        if let Some(timeout) = timeout
            && !timeout.is_zero()
            && IS_PRECISE.load(Relaxed)
        {
            match self.wait_precisely(timeout, n_max, events) {
                // EPERM comes from an old container's filter of system calls.
                Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
                    IS_PRECISE.store(false, Relaxed);
                }
                other => return other,
            }
        }
        self.wait_by_milliseconds(timeout, n_max, events)
    }

    fn wait_by_milliseconds(
        &self,
        timeout: Option<Duration>,
        n_max: usize,
        events: &mut Vec<RawEvent>,
    ) -> io::Result<()> {
        let milliseconds = timeout.map_or(-1, milliseconds_rounded_up);
        let room = &mut events.spare_capacity_mut()[..n_max];
        // SAFETY: the room has space for `n_max` events.
        let n_events = unsafe {
            libc::epoll_wait(
                self.epoll.as_raw_fd(),
                room.as_mut_ptr().cast(),
                n_max as i32,
                milliseconds,
            )
        };
        // SAFETY: epoll_wait has returned the number of events that it has written.
        unsafe { appended(events, n_events.into()) }
    }

    fn wait_precisely(
        &self,
        timeout: Duration,
        n_max: usize,
        events: &mut Vec<RawEvent>,
    ) -> io::Result<()> {
        /// The kernel's structure, with 64-bit fields on every architecture.
        #[repr(C)]
        struct Timespec {
            seconds: i64,
            nanoseconds: i64,
        }
        let timespec = Timespec {
            seconds: timeout.as_secs().try_into().unwrap_or(i64::MAX),
            nanoseconds: timeout.subsec_nanos().into(),
        };
        let room = &mut events.spare_capacity_mut()[..n_max];
        // SAFETY: the room has space for `n_max` events, the timeout is readable, and without a signal mask
        // its size does not matter.
        let n_events = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.epoll.as_raw_fd(),
                room.as_mut_ptr(),
                n_max as libc::c_int,
                &raw const timespec,
                ptr::null::<libc::sigset_t>(),
                0 as libc::size_t,
            )
        };
        // SAFETY: epoll_pwait2 has returned the number of events that it has written.
        unsafe { appended(events, n_events) }
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    pub(super) fn notifier(&self) -> Notifier {
        self.notifier.clone()
    }

    #[cfg(test)]
    pub(super) fn descriptors(&self) -> [i32; 2] {
        [self.epoll.as_raw_fd(), self.notifier.0.as_raw_fd()]
    }

    /// Known after the first sleep.
    #[cfg(test)]
    pub(super) fn is_precise(&self) -> bool {
        IS_PRECISE.load(Relaxed)
    }
}

/// Extends the vector by the events that the kernel has written behind its end.
///
/// # Safety
/// `n_events` events are written there, unless the number is negative.
unsafe fn appended(events: &mut Vec<RawEvent>, n_events: libc::c_long) -> io::Result<()> {
    let n_events = count(n_events)?;
    // SAFETY: forwarded to the caller.
    unsafe { events.set_len(events.len() + n_events) };
    Ok(())
}

/// Decodes an event. An error makes both directions ready, because a transfer in either reports it.
pub(super) fn decode(raw: RawEvent) -> Option<Event> {
    let token = raw.u64;
    if token == RESERVED_TOKEN {
        return None;
    }
    let has = |bits: i32| raw.events & bits as u32 != 0;
    let read_closed = has(libc::EPOLLRDHUP | libc::EPOLLHUP);
    let write_closed = has(libc::EPOLLHUP);
    Some(Event {
        token,
        readable: has(libc::EPOLLIN | libc::EPOLLERR) || read_closed,
        writable: has(libc::EPOLLOUT | libc::EPOLLERR) || write_closed,
        read_closed,
        write_closed,
        is_urgent: has(libc::EPOLLPRI),
        is_error: has(libc::EPOLLERR),
    })
}

fn owned(fd: i32) -> io::Result<OwnedFd> {
    // SAFETY: the caller has just got the descriptor from the system.
    check(fd).map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Ends the poller's sleep, or its next sleep if it is awake. It may outlive the poller.
#[derive(Clone)]
pub(crate) struct Notifier(Arc<OwnedFd>);

impl Notifier {
    /// Callable from any thread. Several notifications before the poller's next wait count as one.
    pub(crate) fn notify(&self) {
        let event = self.0.as_raw_fd();
        let mut count = 1_u64;
        // SAFETY: the eight bytes are readable.
        while unsafe { libc::write(event, (&raw const count).cast(), 8) } == -1 {
            match io::Error::last_os_error().raw_os_error() {
                // The counter is full, and a failed write is no event: empty the counter.
                // SAFETY: the eight bytes are writable.
                Some(libc::EAGAIN) => unsafe {
                    libc::read(event, (&raw mut count).cast(), 8);
                    count = 1;
                },
                Some(libc::EINTR) => {}
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::BATCH;
    use super::*;

    #[test]
    fn a_part_of_a_millisecond_counts_as_a_whole_one() {
        let cases = [
            (Duration::ZERO, 0),
            (Duration::from_nanos(1), 1),
            (Duration::from_millis(1), 1),
            (Duration::from_nanos(1_000_001), 2),
            (Duration::MAX, i32::MAX),
        ];
        for (timeout, milliseconds) in cases {
            assert_eq!(milliseconds_rounded_up(timeout), milliseconds);
        }
    }

    #[test]
    fn without_epoll_pwait2_a_sleep_is_not_too_short_either() {
        let queue = Queue::new().unwrap();
        let start = std::time::Instant::now();
        let timeout = Duration::from_micros(1_100);
        let mut events = Vec::with_capacity(BATCH);
        queue
            .wait_by_milliseconds(Some(timeout), BATCH, &mut events)
            .unwrap();
        assert!(start.elapsed() >= timeout);
    }

    #[test]
    fn a_full_counter_loses_no_notification() {
        let queue = Queue::new().unwrap();
        let mut events = Vec::with_capacity(BATCH);
        let most = u64::MAX - 1;
        let event = queue.notifier.0.as_raw_fd();
        // SAFETY: the eight bytes are readable.
        let n_bytes = unsafe { libc::write(event, (&raw const most).cast(), 8) };
        assert_eq!(n_bytes, 8);
        queue
            .wait(Some(Duration::ZERO), BATCH, &mut events)
            .unwrap();
        assert_eq!(events.len(), 1, "the write that filled it");
        events.clear();
        queue.notifier().notify();
        queue
            .wait(Some(Duration::ZERO), BATCH, &mut events)
            .unwrap();
        assert_eq!(events.len(), 1, "the notification");
    }
}
