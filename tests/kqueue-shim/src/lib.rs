//! `kqueue` and `kevent` for Linux, the part that selvedge's kqueue poller uses, written from the
//! manual page kqueue(2) of the BSDs.
//!
//! With it the code for the BSDs runs on Linux: built with `--cfg selvedge_poller="kqueue"`, the
//! library calls the two functions by their C names, and this archive is linked into each test
//! binary. The real libkqueue can take its place.
//!
//! # What it has
//!
//! `EVFILT_READ` and `EVFILT_WRITE` for sockets and pipes, `EVFILT_USER` with `NOTE_TRIGGER`;
//! `EV_ADD`, `EV_DELETE`, `EV_ENABLE`, `EV_DISABLE`, `EV_CLEAR` (always asked for), `EV_RECEIPT`,
//! `EV_ERROR`, `EV_EOF`. Anything else ends the process with a sentence, so that no caller relies
//! on a missing part.
//!
//! # Where Linux does not let it follow the manual
//!
//! - `EV_EOF` on a failed socket has `EIO` in `fflags`, not the socket's error, which can't be looked at without
//!   taking it away.
//! - Shutting one's own writing side down gives no `EV_EOF` for writing.
//! - A peer that shuts its writing side down gives an event for writing as well.
//! - `data` of a listening socket is 1, not the number of connections that wait.
//! - Regular files are refused with `EPERM`.
//! - A queue is inherited by `fork`, and is known only by its descriptor number: no duplicates.
//! - A descriptor that was closed, and whose number was given by `dup2` to another descriptor of the same open file, still
//!   has its knotes.
//!
//! `lib.rs` is the interface, `queue.rs` implements a queue, `files.rs` calls Linux.

pub mod abi;
mod files;
mod queue;

use std::collections::BTreeMap;
use std::os::fd::{IntoRawFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use abi::{EV_ERROR, EV_RECEIPT, Event};
use files::Result;
use queue::Queue;

type Queues = BTreeMap<RawFd, Arc<Queue>>;

/// The open queues. The program closes a queue without telling the shim: each call checks.
fn queues() -> MutexGuard<'static, Queues> {
    static QUEUES: Mutex<Queues> = Mutex::new(BTreeMap::new());
    let mut queues = QUEUES.lock().expect("a panic here aborts");
    queues.retain(|_, queue| queue.is_open());
    queues
}

/// Ends the process, because the shim lacks the requested part.
fn refuse(what: &str) -> ! {
    eprintln!("the kqueue shim of selvedge's tests does not know {what}");
    std::process::abort();
}

fn set_error(error: i32) {
    // SAFETY: the location is the calling thread's own.
    unsafe { *libc::__errno_location() = error };
}

/// Creates a queue; returns its descriptor, or -1 and `errno`.
// SAFETY: on Linux only libkqueue has this name, and no program links both.
#[unsafe(no_mangle)]
pub extern "C" fn kqueue() -> RawFd {
    let mut queues = queues();
    let made = files::epoll_create(0).and_then(|kqueue| {
        use std::os::fd::AsRawFd;
        let queue = Queue::new(kqueue.as_raw_fd())?;
        let fd = kqueue.into_raw_fd();
        queues.insert(fd, Arc::new(queue));
        Ok(fd)
    });
    made.unwrap_or_else(|error| {
        set_error(error);
        -1
    })
}

/// Applies the changes, then waits for events; returns the number of events, or -1 and `errno`.
///
/// # Safety
/// The changes are readable and the events writable for their numbers, the timeout is readable or
/// null.
// SAFETY: on Linux only libkqueue has this name, and no program links both.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kevent(
    kqueue: RawFd,
    changes: *const Event,
    n_changes: i32,
    events: *mut Event,
    n_events: i32,
    timeout: *const libc::timespec,
) -> i32 {
    let (Ok(n_changes), Ok(n_events)) = (usize::try_from(n_changes), usize::try_from(n_events))
    else {
        set_error(libc::EINVAL);
        return -1;
    };
    // SAFETY: the caller's changes are readable; with none the pointer may be null. They are
    // copied, since the manual allows both lists to be one.
    let changes: Vec<Event> = (0..n_changes)
        .map(|index| unsafe { changes.add(index).read() })
        .collect();
    // SAFETY: the caller's timeout is readable or null.
    let timeout = unsafe { timeout.as_ref() };
    match apply_and_wait(kqueue, &changes, n_events, timeout) {
        Ok(found) => {
            for (index, event) in found.iter().enumerate() {
                // SAFETY: no more were found than the caller's list has room for.
                unsafe { events.add(index).write(*event) };
            }
            found.len() as i32
        }
        Err(error) => {
            set_error(error);
            -1
        }
    }
}

fn apply_and_wait(
    kqueue: RawFd,
    changes: &[Event],
    n_max: usize,
    timeout: Option<&libc::timespec>,
) -> Result<Vec<Event>> {
    let queue = queues().get(&kqueue).cloned().ok_or(libc::EBADF)?;
    let timeout = timeout.map(duration).transpose()?;
    let mut receipts = Vec::new();
    for change in changes {
        let error = match queue.change(change) {
            Ok(()) if change.flags & EV_RECEIPT == 0 => continue,
            Ok(()) => 0,
            Err(error) => error,
        };
        if receipts.len() < n_max {
            receipts.push(Event {
                flags: EV_ERROR,
                data: error as isize,
                ..*change
            });
        } else if error != 0 {
            return Err(error);
        }
    }
    if !receipts.is_empty() || n_max == 0 {
        return Ok(receipts);
    }
    queue.wait(n_max, timeout)
}

fn duration(timeout: &libc::timespec) -> Result<Duration> {
    let seconds = u64::try_from(timeout.tv_sec).map_err(|_| libc::EINVAL)?;
    match u32::try_from(timeout.tv_nsec) {
        Ok(nanoseconds @ 0..1_000_000_000) => Ok(Duration::new(seconds, nanoseconds)),
        _ => Err(libc::EINVAL),
    }
}
