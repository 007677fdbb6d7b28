//! Connecting a stream: start the attempt, wait until the socket is writable, fetch the outcome.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net as std_unix;
use std::time::Duration;

use socket2::{Domain, SockAddr, SockRef, Type};

use super::socket::Socket;
use crate::runtime::threads::{JobKind, Label, off_loop};
use crate::sys;
use crate::sys::wait_fd::Direction;

/// How long a thread blocks in one attempt to connect to a Unix socket whose queue is full. A cancelled
/// connect leaves the thread blocked for the rest of this time.
const BLOCKING_ATTEMPT: Duration = Duration::from_millis(50);

/// May suspend. A new socket, connected to an address.
///
/// The socket belongs to this frame until it is connected, so that a cancel closes it.
pub(super) fn connect<S: AsFd + From<OwnedFd>>(
    to: &SockAddr,
    timeout: Option<Duration>,
) -> io::Result<Socket<S>> {
    let fd = new_stream(to.domain())?;
    sys::socket::set_nonblocking(fd.as_fd())?;
    let socket = Socket::<S>::new(OwnedFd::from(fd).into());
    let mut is_started = false;
    let result = socket.io_within(Direction::Write, timeout, |fd| {
        let socket = SockRef::from(&fd);
        if is_started {
            return outcome(&socket).map(Ok);
        }
        match socket.connect(to) {
            Err(error) if continues_in_background(&error) => {
                is_started = true;
                Err(io::ErrorKind::WouldBlock.into())
            }
            // `WouldBlock` here means that the queue of a Unix listener is full. The socket will not
            // become writable when the queue has room, so the caller gets the error instead of a wait.
            other => Ok(other),
        }
    })?;
    result.map(|()| socket)
}

/// May suspend. A new Unix socket, connected to an address. Waits while the listener's queue is full.
///
/// No event reports room in the queue to a socket that is not connected. The kernel only wakes a
/// blocking `connect`, so that call is made on another thread, for a short time at once because the
/// thread can't be interrupted.
pub(super) fn connect_unix(to: SockAddr) -> io::Result<Socket<std_unix::UnixStream>> {
    match connect(&to, None) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        result => return result,
    }
    loop {
        let to = to.clone();
        let kind = JobKind::network(Label::Operation("a connect to a Unix listener"));
        match off_loop(kind, move || connect_blocking(&to))? {
            Err(error) if is_temporary(&error) => {}
            result => return result.map(|fd| Socket::new(fd.into())),
        }
    }
}

/// Blocks the thread, for at most [`BLOCKING_ATTEMPT`]. Returns a nonblocking socket.
fn connect_blocking(to: &SockAddr) -> io::Result<OwnedFd> {
    let socket = new_stream(Domain::UNIX)?;
    socket.set_write_timeout(Some(BLOCKING_ATTEMPT))?;
    socket.connect(to)?;
    socket.set_write_timeout(None)?;
    sys::socket::set_nonblocking(socket.as_fd())?;
    Ok(socket.into())
}

/// A stream's socket, closed on exec.
fn new_stream(domain: Domain) -> io::Result<socket2::Socket> {
    socket2::Socket::new(domain, Type::STREAM, None)
}

/// Whether the attempt continues without a further call; an interrupted one does, too.
fn continues_in_background(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Interrupted || sys::socket::is_in_progress(error)
}

/// Whether another attempt may have another result.
fn is_temporary(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// The outcome of an attempt, or `WouldBlock` if the attempt still continues: wake-ups may be spurious.
fn outcome(socket: &socket2::Socket) -> io::Result<()> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    match socket.peer_addr() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        Err(error) => Err(error),
    }
}
