//! The poller on Apple's systems and the BSDs: kqueue, with an `EVFILT_USER` for notifications.
//!
//! Each direction of a descriptor has its own filter, and `EV_CLEAR` makes it edge-triggered.
//! `EV_RECEIPT` returns a result for each change, so that one filter can fail without the other.
//!
//! The systems differ in the widths of a `kevent`'s fields (hence the `as _`; NetBSD's user data has even
//! been an integer), and in whether a pipe accepts the filter of the direction that it lacks.

#![allow(unsafe_code)]

use std::cell::RefCell;
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use super::Event;
use crate::sys::{check, count};

#[cfg(not(any(target_os = "linux", target_os = "android")))]
use libc as abi;

/// The definitions that libc lacks on Linux: the BSDs' names with FreeBSD's numbers, as in libkqueue.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod abi {
    pub(super) const EVFILT_READ: i16 = -1;
    pub(super) const EVFILT_WRITE: i16 = -2;
    pub(super) const EVFILT_USER: i16 = -11;
    pub(super) const EV_ADD: u16 = 0x1;
    pub(super) const EV_DELETE: u16 = 0x2;
    pub(super) const EV_ENABLE: u16 = 0x4;
    pub(super) const EV_CLEAR: u16 = 0x20;
    pub(super) const EV_RECEIPT: u16 = 0x40;
    pub(super) const EV_ERROR: u16 = 0x4000;
    pub(super) const EV_EOF: u16 = 0x8000;
    pub(super) const NOTE_TRIGGER: u32 = 0x0100_0000;

    #[derive(Clone, Copy)]
    #[repr(C)]
    pub(crate) struct kevent {
        pub(super) ident: usize,
        pub(super) filter: i16,
        pub(super) flags: u16,
        pub(super) fflags: u32,
        pub(super) data: isize,
        pub(super) udata: *mut libc::c_void,
    }

    // SAFETY: the signatures of kqueue(2), as libkqueue and the shim in tests export them.
    unsafe extern "C" {
        pub(super) fn kqueue() -> libc::c_int;
        pub(super) fn kevent(
            kq: libc::c_int,
            changes: *const kevent,
            n_changes: libc::c_int,
            events: *mut kevent,
            n_events: libc::c_int,
            timeout: *const libc::timespec,
        ) -> libc::c_int;
    }
}

pub(super) type RawEvent = abi::kevent;

pub(super) struct Queue {
    notifier: Notifier,
    /// Events for directions that were closed before their filter could be attached.
    found_closed: RefCell<Vec<RawEvent>>,
}

impl Queue {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: kqueue has no preconditions.
        let fd = check(unsafe { abi::kqueue() })?;
        // SAFETY: the descriptor has just come from the system.
        let kqueue = unsafe { OwnedFd::from_raw_fd(fd) };
        // SAFETY: sets a flag of a descriptor that is owned here. Not every system can set it on creation;
        // a fork in between does not inherit a kqueue anyway.
        check(unsafe { libc::fcntl(kqueue.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) })?;
        let queue = Self {
            notifier: Notifier(Arc::new(kqueue)),
            found_closed: RefCell::default(),
        };
        queue.notifier.user_event(abi::EV_ADD | abi::EV_CLEAR, 0)?;
        Ok(queue)
    }

    fn raw_fd(&self) -> i32 {
        self.notifier.0.as_raw_fd()
    }

    pub(super) fn add(&self, fd: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        if usize::try_from(token).is_err() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a token has as many bits as a pointer where the poller is a kqueue",
            ));
        }
        let flags = abi::EV_ADD | abi::EV_CLEAR;
        let errors = self.change_both(fd, flags, token)?;
        if let [0, 0] = errors {
            return Ok(());
        }
        // One filter is enough if the other's error concerns its direction, not the descriptor or the
        // system.
        let refused = errors.into_iter().find(|error| !is_about_direction(*error));
        let has_none = errors == [libc::EBADF; 2] || errors.iter().all(is_missing);
        if let Some(error) = refused.or(has_none.then_some(errors[0])) {
            let _ = self.change_both(fd, abi::EV_DELETE, 0);
            return Err(io::Error::from_raw_os_error(error));
        }
        // No event will report that the peer is already gone, so one is made up here.
        let gone = FILTERS
            .into_iter()
            .zip(errors)
            .filter(|(_, error)| is_gone(error));
        let events = gone.map(|(filter, _)| change(fd, filter, abi::EV_EOF, token));
        self.found_closed.borrow_mut().extend(events);
        Ok(())
    }

    pub(super) fn renew(&self, fd: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        self.change_either(fd, abi::EV_ENABLE, token)
    }

    pub(super) fn remove(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        let ident = fd.as_raw_fd() as usize;
        let mut found_closed = self.found_closed.borrow_mut();
        found_closed.retain(|event| event.ident != ident);
        self.change_either(fd, abi::EV_DELETE, 0)
    }

    /// Changes the filters that the descriptor has. Success for one filter is enough.
    fn change_either(&self, fd: BorrowedFd<'_>, flags: Flags, token: u64) -> io::Result<()> {
        match self.change_both(fd, flags, token)? {
            [0, _] | [_, 0] => Ok(()),
            [error, _] => Err(io::Error::from_raw_os_error(error)),
        }
    }

    /// Changes the filters of both directions; returns an error number or 0 for each.
    fn change_both(&self, fd: BorrowedFd<'_>, flags: Flags, token: u64) -> io::Result<[i32; 2]> {
        let flags = flags | abi::EV_RECEIPT;
        let changes = FILTERS.map(|filter| change(fd, filter, flags, token));
        let mut receipts = changes;
        let n_receipts = submit(self.raw_fd(), &changes, &mut receipts)?;
        assert_eq!(n_receipts, 2, "kevent gives a receipt for each change");
        Ok(receipts.map(|receipt| receipt.data as i32))
    }

    /// Appends events to `events`, which is empty and has room for a batch.
    pub(super) fn wait(
        &self,
        timeout: Option<Duration>,
        n_max: usize,
        events: &mut Vec<RawEvent>,
    ) -> io::Result<()> {
        let mut found_closed = self.found_closed.take();
        let timeout = if found_closed.is_empty() {
            timeout
        } else {
            Some(Duration::ZERO)
        };
        let timespec = timeout.map(|timeout| libc::timespec {
            tv_sec: timeout.as_secs() as _,
            tv_nsec: timeout.subsec_nanos() as _,
        });
        let timespec = timespec.as_ref().map_or(ptr::null(), ptr::from_ref);
        let room = &mut events.spare_capacity_mut()[..n_max];
        // SAFETY: the room has space for `n_max` events, and the timeout is readable or null.
        let n_events = unsafe {
            abi::kevent(
                self.raw_fd(),
                ptr::null(),
                0,
                room.as_mut_ptr().cast(),
                n_max as _,
                timespec,
            )
        };
        let result = count(n_events).map(|n_events| {
            // SAFETY: kevent has returned the number of events that it has written.
            unsafe { events.set_len(events.len() + n_events) };
        });
        events.append(&mut found_closed);
        result
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.notifier.0.as_fd()
    }

    pub(super) fn notifier(&self) -> Notifier {
        self.notifier.clone()
    }

    #[cfg(test)]
    pub(super) fn descriptors(&self) -> [i32; 1] {
        [self.raw_fd()]
    }

    #[cfg(test)]
    pub(super) fn is_precise(&self) -> bool {
        true
    }
}

#[cfg(not(target_os = "netbsd"))]
type Flags = u16;
#[cfg(target_os = "netbsd")]
type Flags = u32;

#[cfg(not(target_os = "netbsd"))]
type Filter = i16;
#[cfg(target_os = "netbsd")]
type Filter = u32;

/// The filter of each direction.
const FILTERS: [Filter; 2] = [abi::EVFILT_READ, abi::EVFILT_WRITE];

/// Whether the error means that the other end of a pipe is gone; the systems differ.
fn is_gone(error: &i32) -> bool {
    matches!(*error, libc::EPIPE | libc::EBADF)
}

/// Whether the error means that the descriptor lacks the direction.
fn is_missing(error: &i32) -> bool {
    matches!(*error, libc::EINVAL | libc::ENODEV | libc::ENOTSUP)
}

fn is_about_direction(error: i32) -> bool {
    error == 0 || is_gone(&error) || is_missing(&error)
}

/// A change of a descriptor's filter.
fn change(fd: BorrowedFd<'_>, filter: Filter, flags: Flags, token: u64) -> RawEvent {
    change_of(fd.as_raw_fd() as usize, filter, flags, token)
}

fn change_of(ident: usize, filter: Filter, flags: Flags, token: u64) -> RawEvent {
    // SAFETY: a kevent consists of integers and a pointer, for which zero is a value. Some systems have
    // more fields.
    let mut change: RawEvent = unsafe { mem::zeroed() };
    change.ident = ident;
    change.filter = filter;
    change.flags = flags;
    change.udata = token as _;
    change
}

/// Submits changes and takes as many receipts as there is room for, without waiting.
fn submit(kqueue: i32, changes: &[RawEvent], receipts: &mut [RawEvent]) -> io::Result<usize> {
    let at_once = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the changes are readable and the receipts writable for their lengths, the timeout
    // is readable, and the kernel keeps none of the pointers.
    let n_receipts = unsafe {
        abi::kevent(
            kqueue,
            changes.as_ptr(),
            changes.len() as _,
            receipts.as_mut_ptr(),
            receipts.len() as _,
            &at_once,
        )
    };
    count(n_receipts)
}

pub(crate) const TELLS_OF_URGENT_DATA: bool = false;

/// Decodes an event; `None` for a notification.
pub(super) fn decode(raw: RawEvent) -> Option<Event> {
    let is_read = raw.filter == abi::EVFILT_READ;
    let is_write = raw.filter == abi::EVFILT_WRITE;
    // An event without a change never carries an error; if one does, a transfer reports it.
    let is_error = raw.flags & abi::EV_ERROR != 0;
    let is_closed = raw.flags & abi::EV_EOF != 0;
    (is_read || is_write).then_some(Event {
        token: raw.udata as usize as u64,
        readable: is_read || is_error,
        writable: is_write || is_error,
        read_closed: is_read && is_closed,
        write_closed: is_write && is_closed,
        is_urgent: false,
        is_error: is_error || is_write && is_closed,
    })
}

/// Ends the poller's sleep, or its next sleep if it is awake. It may outlive the poller, whose descriptor it
/// keeps open.
#[derive(Clone)]
pub(crate) struct Notifier(Arc<OwnedFd>);

impl Notifier {
    /// Callable from any thread. Several notifications before the poller's next wait count as one.
    pub(crate) fn notify(&self) {
        // It can't fail while the queue is open.
        let _ = self.user_event(0, abi::NOTE_TRIGGER);
    }

    fn user_event(&self, flags: Flags, note: u32) -> io::Result<()> {
        let mut change = change_of(0, abi::EVFILT_USER, flags, 0);
        change.fflags = note;
        submit(self.0.as_raw_fd(), &[change], &mut []).map(|_| ())
    }
}
