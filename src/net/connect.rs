//! Connecting a stream: start the attempt, wait until the socket is writable, fetch the outcome.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net as std_unix;
use std::time::Duration;

use socket2::{Domain, SockAddr, SockRef, Type};

use super::socket::Socket;
use crate::runtime::core::context;
use crate::runtime::io::pause;
use crate::sys;
use crate::sys::file::retry_interrupted;
use crate::sys::wait_fd::Direction;

/// The interval between the first two attempts to connect to a Unix socket whose queue is full. Each further
/// interval is twice as long.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

const LONGEST_INTERVAL: Duration = Duration::from_millis(50);

/// May suspend. A new socket, connected to an address.
///
/// The socket belongs to this frame until it is connected, so that a cancel closes it.
pub(super) fn connect<S: AsFd + From<OwnedFd>>(
    to: &SockAddr,
    timeout: Option<Duration>,
) -> io::Result<Socket<S>> {
    let socket = open(to)?;
    let mut is_started = false;
    let result = socket.io_within(Direction::Write, timeout, |fd| {
        let socket = SockRef::from(&fd);
        if is_started {
            return outcome(&socket).map(Ok);
        }
        match start(&socket, to) {
            Ok(false) => {
                is_started = true;
                Err(io::ErrorKind::WouldBlock.into())
            }
            // `WouldBlock` here means that the queue of a Unix listener is full. The socket will not
            // become writable when the queue has room, so the caller gets the error instead of a wait.
            other => Ok(other.map(drop)),
        }
    })?;
    result.map(|()| socket)
}

/// May suspend. A new Unix socket, connected to an address. Waits while the listener's queue is full.
///
/// No event reports room in the queue to a socket that is not connected. The kernel only wakes a
/// blocking `connect`. So a task tries again after an interval.
pub(super) fn connect_unix(to: &SockAddr) -> io::Result<Socket<std_unix::UnixStream>> {
    if context::current().is_none() {
        let socket = new_stream(Domain::UNIX)?;
        retry_interrupted(|| socket.connect(to))?;
        sys::socket::set_nonblocking(socket.as_fd())?;
        return Ok(Socket::new(OwnedFd::from(socket).into()));
    }
    let mut interval = SHORTEST_INTERVAL;
    loop {
        match connect(to, None) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                pause(interval, "room in the queue of a listener")?;
            }
            result => return result,
        }
        interval = (2 * interval).min(LONGEST_INTERVAL);
    }
}

/// Opens a socket and starts to connect it. Returns whether it is connected already.
pub(super) fn begin<S: AsFd + From<OwnedFd>>(to: &SockAddr) -> io::Result<(Socket<S>, bool)> {
    let socket = open(to)?;
    let is_connected = start(&SockRef::from(&socket), to)?;
    Ok((socket, is_connected))
}

/// A nonblocking socket for a connection to an address.
fn open<S: AsFd + From<OwnedFd>>(to: &SockAddr) -> io::Result<Socket<S>> {
    let fd = new_stream(to.domain())?;
    sys::socket::set_nonblocking(fd.as_fd())?;
    Ok(Socket::new(OwnedFd::from(fd).into()))
}

/// Starts to connect a socket. Returns whether it is connected already; otherwise the attempt continues in the
/// background.
fn start(socket: &socket2::Socket, to: &SockAddr) -> io::Result<bool> {
    match socket.connect(to) {
        Ok(()) => Ok(true),
        Err(error) if continues_in_background(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A stream's socket, closed on exec.
fn new_stream(domain: Domain) -> io::Result<socket2::Socket> {
    socket2::Socket::new(domain, Type::STREAM, None)
}

/// Whether the attempt continues without a further call; an interrupted one does, too.
fn continues_in_background(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Interrupted || sys::socket::is_in_progress(error)
}

/// The outcome of an attempt, or `WouldBlock` if the attempt still continues: wake-ups may be spurious.
pub(super) fn outcome(socket: &socket2::Socket) -> io::Result<()> {
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
