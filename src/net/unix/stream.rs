//! Connections over Unix sockets.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net as std_unix;
use std::path::Path;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use super::SocketAddr;
use super::address::{path_to_system, to_system};
use crate::net::connect::connect;
use crate::net::inner::Inner;
use crate::runtime::threads::blocking::off_loop;
use crate::runtime::threads::pool::AtClose;
use crate::sys;

/// For how long a thread waits for room in a listener's queue before it looks whether anybody
/// still wants the connection.
const PATIENCE: Duration = Duration::from_millis(50);

/// A connection over a Unix socket: [`std::os::unix::net::UnixStream`], waiting in the event
/// loop.
///
/// ```
/// use selvedge::net::UnixStream;
/// use std::io::{Read, Write};
///
/// let (mut a, mut b) = UnixStream::pair()?;
/// a.write_all(b"two ends")?;
/// drop(a);
/// let mut text = String::new();
/// b.read_to_string(&mut text)?;
/// assert_eq!(text, "two ends");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct UnixStream(pub(in crate::net) Inner<std_unix::UnixStream>);

impl UnixStream {
    /// May suspend. Connects to who listens at this path.
    ///
    /// # Errors
    /// `NotFound` if there is no file, `ConnectionRefused` if nobody listens any more,
    /// `InvalidInput` if the path is too long, or what the system says.
    ///
    /// # Cancellation
    /// The attempt is given up and its socket closed, at the latest 50 ms later.
    pub fn connect<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        connect_patiently(path_to_system(path.as_ref())?)
    }

    /// May suspend. Connects to this address, which may be one of the abstract namespace.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    ///
    /// # Cancellation
    /// As [`connect`](Self::connect).
    pub fn connect_addr(socket_addr: &SocketAddr) -> io::Result<Self> {
        connect_patiently(to_system(socket_addr)?)
    }

    /// Two sockets that are connected with each other.
    ///
    /// # Errors
    /// If there are too many open files.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (a, b) = std_unix::UnixStream::pair()?;
        Ok((Self::from_std(a), Self::from_std(b)))
    }

    /// The address of this end.
    ///
    /// # Errors
    /// If the system can't tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.socket().local_addr()
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// `NotConnected` once the connection is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.socket().peer_addr()
    }

    /// Ends one direction of the connection, or both. Whoever waits for that direction is woken:
    /// a reader finds the end of the stream, a writer an error.
    ///
    /// # Errors
    /// `NotConnected` once the connection is gone.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.socket().shutdown(how)
    }
}

/// May suspend. Connects, and waits while the listener's queue is full.
///
/// That queue tells nobody of a socket that is not connected when there is room in it. Only who
/// connects with a socket that blocks is woken, so that is done on another thread: for a moment
/// at a time, since nobody can call that thread off.
fn connect_patiently(to: SockAddr) -> io::Result<UnixStream> {
    match connect(&to, None) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        other => return other.map(UnixStream),
    }
    loop {
        let to = to.clone();
        match off_loop(AtClose::LeftBehind, move || connect_blocking(&to))? {
            Err(error) if is_for_now(&error) => {}
            other => {
                return Ok(UnixStream(Inner::fresh(other?.into())));
            }
        }
    }
}

/// Whether the next attempt may end otherwise.
fn is_for_now(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// Blocks the thread, for as long as [`PATIENCE`] lasts. The socket that it answers does not
/// block.
fn connect_blocking(to: &SockAddr) -> io::Result<OwnedFd> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.connect(to)?;
    socket.set_write_timeout(None)?;
    sys::socket::set_nonblocking(socket.as_fd())?;
    Ok(socket.into())
}
