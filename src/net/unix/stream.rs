//! Connections over Unix sockets.

use std::io;
use std::net::Shutdown;
use std::os::unix::net as std_unix;
use std::path::Path;

use super::SocketAddr;
use super::address::{path_to_system, to_system};
use crate::net::connect::connect_unix;
use crate::net::socket::Socket;
use crate::net::std_methods::std_methods;

/// A connection over a Unix socket: [`std::os::unix::net::UnixStream`], waiting in the event loop.
///
/// ```
/// use selvedge::net::unix::UnixStream;
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
pub struct UnixStream(pub(in crate::net) Socket<std_unix::UnixStream>);

impl UnixStream {
    /// May suspend. Connects to the listener at a path. While the listener's queue is full, a task tries again
    /// every 1 to 50 ms, because the system does not report free room.
    ///
    /// # Errors
    /// `NotFound` if there is no file, `ConnectionRefused` if the listener is closed, `InvalidInput` if
    /// the path is too long, or the system's error.
    ///
    /// # Cancellation
    /// The attempt ends and its socket is closed.
    pub fn connect<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        connect_unix(&path_to_system(path.as_ref())?).map(Self)
    }

    /// May suspend. Connects to an address, which may be in the abstract namespace.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    ///
    /// # Cancellation
    /// As [`connect`](Self::connect).
    pub fn connect_addr(socket_addr: &SocketAddr) -> io::Result<Self> {
        connect_unix(&to_system(socket_addr)?).map(Self)
    }

    /// Creates two sockets that are connected to each other.
    ///
    /// # Errors
    /// If too many files are open.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (a, b) = std_unix::UnixStream::pair()?;
        Ok((Self(Socket::created(a)), Self(Socket::created(b))))
    }

    /// Shuts down one direction of the connection, or both. A task that waits for that direction is woken:
    /// a reader gets the end of the stream, and a writer gets an error.
    ///
    /// # Errors
    /// `NotConnected` once the connection is closed.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.shutdown(how)
    }
}

impl UnixStream {
    crate::runtime::io::readiness_methods!(|socket| socket.0; when_readable when_writable when_peer_closed);
}

std_methods! { UnixStream:
    /// The address of this end.
    ///
    /// # Errors
    /// The system's error.
    fn local_addr() -> SocketAddr;

    /// The address of the peer.
    ///
    /// # Errors
    /// `NotConnected` once the connection is closed.
    fn peer_addr() -> SocketAddr;
}
