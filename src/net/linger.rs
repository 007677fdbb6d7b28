//! Closes sockets with `SO_LINGER`. With this option `close` waits until the peer has all bytes, at most for the
//! option's time, even if the socket is nonblocking.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use socket2::SockRef;

use crate::runtime::core::context;

/// The number of threads of this process that wait in `close`, from which on a socket of this crate's types gives its
/// option up instead.
const N_THREADS_MAX: usize = 8;

static N_THREADS: AtomicUsize = AtomicUsize::new(0);

/// Drops a socket. Where an event loop runs, a `close` that may wait is made on a thread of its own. `is_owner` is false if
/// the user may keep the socket: for a clone, and for a wrapper, which may hold a reference.
pub(crate) fn drop_socket<S: AsFd>(socket: S, is_owner: bool) {
    let late = late_close(socket.as_fd(), is_owner);
    // Not the last descriptor of the socket, if there is a late close: this does not wait.
    drop(socket);
    if let Some(late) = late {
        late.on_thread();
    }
}

/// The late close of a socket that would make this thread wait; `None` for any other.
fn late_close(fd: BorrowedFd<'_>, is_owner: bool) -> Option<LateClose> {
    context::current()?;
    let options = SockRef::from(&fd);
    let duration = options.linger().ok().flatten()?;
    if duration.is_zero() {
        // The `close` resets the connection, and does not wait.
        return None;
    }
    match fd.try_clone_to_owned() {
        Ok(fd) => Some(LateClose {
            fd: Some(fd),
            is_owner,
        }),
        Err(_) => {
            if is_owner {
                let _ = options.set_linger(None);
            }
            None
        }
    }
}

/// Another descriptor of a socket, which outlives the user's.
struct LateClose {
    fd: Option<OwnedFd>,
    /// Whether the user keeps no descriptor of the socket, so that the option may be changed.
    is_owner: bool,
}

impl LateClose {
    /// Closes the descriptor on a new thread. If there are too many such threads and the option may be changed, or if none
    /// can be started, drops this object.
    fn on_thread(mut self) {
        if N_THREADS.fetch_add(1, Relaxed) < N_THREADS_MAX || !self.is_owner {
            let builder = thread::Builder::new().name("selvedge-linger".to_owned());
            let close = move || {
                drop(self.fd.take());
                N_THREADS.fetch_sub(1, Relaxed);
            };
            if builder.spawn(close).is_ok() {
                return;
            }
        }
        N_THREADS.fetch_sub(1, Relaxed);
    }
}

impl Drop for LateClose {
    fn drop(&mut self) {
        if let Some(fd) = &self.fd
            && self.is_owner
        {
            // The system sends the bytes in any case; nothing waits for that now.
            let _ = SockRef::from(fd).set_linger(None);
        }
    }
}
