//! A queue for the tests, over the two functions as a C program declares them.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::ptr;
use std::time::Duration;

use selvedge_kqueue_shim::abi::*;
use selvedge_kqueue_shim::{kevent, kqueue};

/// A change for a descriptor.
pub fn file(fd: &impl AsRawFd, filter: i16, flags: u16, udata: usize) -> Event {
    Event {
        ident: fd.as_raw_fd() as usize,
        filter,
        flags,
        fflags: 0,
        data: 0,
        udata,
    }
}

/// A change for an event of the user.
pub fn user(ident: usize, flags: u16, fflags: u32) -> Event {
    Event {
        ident,
        filter: EVFILT_USER,
        flags,
        fflags,
        data: 0,
        udata: 0,
    }
}

pub fn nonblocking_pair() -> (UnixStream, UnixStream) {
    let (one, other) = UnixStream::pair().unwrap();
    one.set_nonblocking(true).unwrap();
    other.set_nonblocking(true).unwrap();
    (one, other)
}

pub struct Kqueue(pub OwnedFd);

impl Kqueue {
    pub fn new() -> Self {
        let fd = kqueue();
        assert_ne!(fd, -1, "{}", io::Error::last_os_error());
        // SAFETY: the descriptor has just been made.
        Self(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// One call of `kevent`: the events, or the error number.
    pub fn kevent(
        &self,
        changes: &[Event],
        n_events: usize,
        timeout: Option<Duration>,
    ) -> Result<Vec<Event>, i32> {
        let timeout = timeout.map(|timeout| libc::timespec {
            tv_sec: timeout.as_secs() as libc::time_t,
            tv_nsec: timeout.subsec_nanos().into(),
        });
        call(self.0.as_raw_fd(), changes, n_events, timeout)
    }

    /// Makes a change that succeeds.
    #[track_caller]
    pub fn change(&self, change: Event) {
        self.kevent(&[change], 0, None).unwrap();
    }

    #[track_caller]
    pub fn add(&self, fd: &impl AsRawFd, filter: i16, udata: usize) {
        self.change(file(fd, filter, EV_ADD | EV_CLEAR, udata));
    }

    /// The events that are pending now.
    pub fn look(&self) -> Vec<Event> {
        self.kevent(&[], 100, Some(Duration::ZERO)).unwrap()
    }

    /// The one event that is pending now.
    #[track_caller]
    pub fn one(&self) -> Event {
        let events = self.look();
        assert_eq!(events.len(), 1, "{events:?}");
        events[0]
    }

    /// Waits without a timeout.
    pub fn wait(&self) -> Vec<Event> {
        self.kevent(&[], 100, None).unwrap()
    }
}

pub fn call(
    kqueue: RawFd,
    changes: &[Event],
    n_events: usize,
    timeout: Option<libc::timespec>,
) -> Result<Vec<Event>, i32> {
    let mut events = Vec::with_capacity(n_events);
    let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: the changes are readable and the vector has room for the numbers given; the timeout
    // is readable or null.
    let n_found = unsafe {
        kevent(
            kqueue,
            changes.as_ptr(),
            changes.len() as i32,
            events.as_mut_ptr(),
            n_events as i32,
            timeout,
        )
    };
    if n_found == -1 {
        return Err(io::Error::last_os_error().raw_os_error().unwrap());
    }
    // SAFETY: kevent has written that number of events.
    unsafe { events.set_len(n_found as usize) };
    Ok(events)
}
