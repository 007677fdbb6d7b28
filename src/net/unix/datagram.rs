//! Datagrams over Unix sockets.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net as std_unix;
use std::path::Path;
use std::time::Duration;

use socket2::{SockAddr, SockRef};

use super::SocketAddr;
use super::address::{path_to_system, to_system};
use crate::net::socket::Socket;
use crate::net::std_methods::std_methods;
use crate::sys;
use crate::sys::wait_fd::{Direction, wait_fd};

/// A Unix datagram socket: [`std::os::unix::net::UnixDatagram`], waiting in the event loop.
///
/// ```
/// use selvedge::net::unix::UnixDatagram;
///
/// let (a, b) = UnixDatagram::pair()?;
/// a.send(b"one")?;
/// a.send(b"another")?;
///
/// let mut bytes = [0; 16];
/// assert_eq!(b.recv(&mut bytes)?, 3);
/// assert_eq!(b.recv(&mut bytes)?, 7);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// A datagram that is longer than the buffer is truncated, and the rest is lost. No datagram is lost on
/// the way: a sender waits while the receiver's queue is full.
pub struct UnixDatagram(pub(in crate::net) Socket<std_unix::UnixDatagram>);

impl UnixDatagram {
    /// Creates a file at a path and a socket that receives there.
    ///
    /// # Errors
    /// `AddrInUse` if the file exists, `InvalidInput` if the path is too long, or the system's error.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        std_unix::UnixDatagram::bind(path)
            .map(Socket::created)
            .map(Self)
    }

    /// Creates a socket at an address, which may be in the abstract namespace.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub fn bind_addr(socket_addr: &SocketAddr) -> io::Result<Self> {
        std_unix::UnixDatagram::bind_addr(socket_addr)
            .map(Socket::created)
            .map(Self)
    }

    /// Creates a socket without an address.
    ///
    /// # Errors
    /// If too many files are open.
    pub fn unbound() -> io::Result<Self> {
        std_unix::UnixDatagram::unbound()
            .map(Socket::created)
            .map(Self)
    }

    /// Creates two sockets that are connected to each other.
    ///
    /// # Errors
    /// If too many files are open.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (a, b) = std_unix::UnixDatagram::pair()?;
        Ok((Self(Socket::created(a)), Self(Socket::created(b))))
    }

    /// Connects the socket to a path: [`send`](Self::send) then sends there, and only datagrams from there
    /// are received.
    ///
    /// # Errors
    /// `NotFound` if there is no file, `ConnectionRefused` if no socket has it open any more, or the
    /// system's error.
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        self.0.std().connect(path)
    }

    /// Connects the socket to an address, as [`connect`](Self::connect).
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_addr(&self, socket_addr: &SocketAddr) -> io::Result<()> {
        self.0.std().connect_addr(socket_addr)
    }

    /// May suspend. Sends a datagram to a path.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), or `TimedOut` after the write timeout.
    ///
    /// # Cancellation
    /// The datagram is not sent.
    pub fn send_to<P: AsRef<Path>>(&self, buf: &[u8], path: P) -> io::Result<usize> {
        self.send_to_system(buf, &path_to_system(path.as_ref())?)
    }

    /// May suspend. Sends a datagram to an address.
    ///
    /// # Errors
    /// As [`send_to`](Self::send_to).
    ///
    /// # Cancellation
    /// The datagram is not sent.
    pub fn send_to_addr(&self, buf: &[u8], socket_addr: &SocketAddr) -> io::Result<usize> {
        self.send_to_system(buf, &to_system(socket_addr)?)
    }

    /// May suspend. Sends a datagram, and waits while the receiver's queue is full.
    ///
    /// That this socket is writable only shows that its own buffer has room. Room in the receiver's queue
    /// is reported to a connected socket, so the task waits with one.
    fn send_to_system(&self, bytes: &[u8], to: &SockAddr) -> io::Result<usize> {
        let send = || sys::socket::send_to(self.0.as_fd(), bytes, to);
        loop {
            // If another sender takes the room first, the next wait has the whole timeout again.
            let timeout = self.0.timeout(Direction::Write);
            let sent = self
                .0
                .io_within(Direction::Write, timeout, |fd| match send() {
                    Err(error) if is_full(&error) && writable(fd).is_ok() => Ok(None),
                    other => other.map(Some),
                })?;
            if let Some(n) = sent {
                return Ok(n);
            }
            if self.0.is_nonblocking() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            // A `shutdown` of this socket ends the wait, because the probe is registered like a
            // clone.
            let probe = self.0.beside(std_unix::UnixDatagram::unbound()?);
            SockRef::from(&probe).connect(to)?;
            let sent = probe.io_within(Direction::Write, timeout, |fd| match send() {
                Err(error) if is_full(&error) => writable(fd).map(|()| None),
                other => other.map(Some),
            })?;
            if let Some(n) = sent {
                return Ok(n);
            }
        }
    }

    /// Shuts down one direction, or both. Tasks that wait for that direction are woken.
    ///
    /// # Errors
    /// `NotConnected` if the socket is not connected.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.shutdown(how)
    }
}

impl UnixDatagram {
    crate::runtime::io::readiness_methods!(|socket| socket.0; when_readable when_writable);
}

std_methods! { UnixDatagram:
    /// The address of this socket.
    ///
    /// # Errors
    /// The system's error.
    fn local_addr() -> SocketAddr;

    /// The address to which this socket is connected.
    ///
    /// # Errors
    /// `NotConnected` if the socket is not connected.
    fn peer_addr() -> SocketAddr;
}

fn is_full(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// `WouldBlock` if the socket has no room for a datagram.
fn writable(fd: BorrowedFd<'_>) -> io::Result<()> {
    if wait_fd(fd, Direction::Write, Some(Duration::ZERO))? {
        return Ok(());
    }
    Err(io::ErrorKind::WouldBlock.into())
}
