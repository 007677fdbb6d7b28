//! Connecting a stream: begin, wait until the socket is writable, ask how it went.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use super::inner::Inner;
use crate::runtime::io::side::Direction;
use crate::sys;

/// May suspend. A new socket, connected to this address.
///
/// The socket belongs to this frame until it is connected, so that a cancel closes it.
pub(super) fn connect<S: AsFd + From<OwnedFd>>(
    to: &SockAddr,
    timeout: Option<Duration>,
) -> io::Result<Inner<S>> {
    let inner = new_stream(to.domain())?;
    let mut has_begun = false;
    let answer = inner.wait(Direction::Write, timeout, |fd| {
        let socket = SockRef::from(&fd);
        if has_begun {
            return outcome(&socket).map(Ok);
        }
        match socket.connect(to) {
            // An interrupted attempt goes on by itself as well.
            Err(error) if is_under_way(&error) => {
                has_begun = true;
                Err(io::ErrorKind::WouldBlock.into())
            }
            // Not "wait for the socket" but that there is no room, now, for another connection:
            // the socket would never tell when there is. For the caller to see.
            other => Ok(other),
        }
    })?;
    answer.map(|()| inner)
}

/// A stream's socket that does not block and is closed on exec.
pub(super) fn new_stream<S: AsFd + From<OwnedFd>>(domain: Domain) -> io::Result<Inner<S>> {
    let socket = Socket::new(domain, Type::STREAM, None)?;
    sys::socket::set_nonblocking(socket.as_fd())?;
    Ok(Inner::fresh(OwnedFd::from(socket).into()))
}

fn is_under_way(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Interrupted || sys::socket::is_in_progress(error)
}

/// How an attempt that was under way went, or `WouldBlock` if it still is: a wake-up may come
/// for nothing.
fn outcome(socket: &Socket) -> io::Result<()> {
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
