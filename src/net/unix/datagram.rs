//! Datagrams over Unix sockets.

use std::io;
use std::net::Shutdown;
use std::os::fd::BorrowedFd;
use std::os::unix::net as std_unix;
use std::path::Path;
use std::time::Duration;

use socket2::{SockAddr, SockRef};

use super::SocketAddr;
use super::address::{from_system, path_to_system, to_system};
use crate::net::inner::Inner;
use crate::runtime::io::side::Direction;
use crate::sys::socket::{self, Take};
use crate::sys::wait_fd::wait_fd;

/// A Unix socket for datagrams: [`std::os::unix::net::UnixDatagram`], waiting in the event loop.
///
/// ```
/// use selvedge::net::UnixDatagram;
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
/// A datagram that is longer than the buffer is cut off; what is cut off is lost. None is lost
/// on the way: a sender waits while the receiver has not taken what it was sent before.
pub struct UnixDatagram(pub(in crate::net) Inner<std_unix::UnixDatagram>);

impl UnixDatagram {
    /// A socket at this path, at which it makes a file.
    ///
    /// # Errors
    /// `AddrInUse` if there is a file, `InvalidInput` if the path is too long, or what the
    /// system says.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        std_unix::UnixDatagram::bind(path).map(Self::from_std)
    }

    /// A socket at this address, which may be one of the abstract namespace.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub fn bind_addr(socket_addr: &SocketAddr) -> io::Result<Self> {
        std_unix::UnixDatagram::bind_addr(socket_addr).map(Self::from_std)
    }

    /// A socket without an address.
    ///
    /// # Errors
    /// If there are too many open files.
    pub fn unbound() -> io::Result<Self> {
        std_unix::UnixDatagram::unbound().map(Self::from_std)
    }

    /// Two sockets that are connected with each other.
    ///
    /// # Errors
    /// If there are too many open files.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (a, b) = std_unix::UnixDatagram::pair()?;
        Ok((Self::from_std(a), Self::from_std(b)))
    }

    /// From here on [`send`](Self::send) sends to this path, and only what comes from there is
    /// received.
    ///
    /// # Errors
    /// `NotFound` if there is no file, `ConnectionRefused` if nobody has it open any more, or
    /// what the system says.
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        self.0.socket().connect(path)
    }

    /// As [`connect`](Self::connect), to this address.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_addr(&self, socket_addr: &SocketAddr) -> io::Result<()> {
        self.0.socket().connect_addr(socket_addr)
    }

    /// The address of this socket.
    ///
    /// # Errors
    /// If the system can't tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.socket().local_addr()
    }

    /// The address to which this socket is connected.
    ///
    /// # Errors
    /// `NotConnected` if it is not.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.socket().peer_addr()
    }

    /// May suspend. Receives a datagram; answers its length and where it comes from.
    ///
    /// # Errors
    /// `TimedOut` after the read timeout, or what the system says.
    ///
    /// # Cancellation
    /// No datagram is lost.
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.receive_from(buf, Take::Remove)
    }

    /// May suspend. Looks at the next datagram and leaves it there.
    ///
    /// # Errors
    /// As [`recv_from`](Self::recv_from).
    ///
    /// # Cancellation
    /// No datagram is lost.
    pub fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.receive_from(buf, Take::Peek)
    }

    fn receive_from(&self, buf: &mut [u8], take: Take) -> io::Result<(usize, SocketAddr)> {
        let timeout = self.0.read_timeout();
        let (n, from) = self.0.wait(Direction::Read, timeout, |fd| {
            socket::receive_from(fd, buf, take)
        })?;
        Ok((n, from_system(&from)?))
    }

    /// May suspend. Receives a datagram.
    ///
    /// # Errors
    /// As [`recv_from`](Self::recv_from).
    ///
    /// # Cancellation
    /// No datagram is lost.
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.receive(buf, Take::Remove)
    }

    /// May suspend. Looks at the next datagram and leaves it there.
    ///
    /// # Errors
    /// As [`recv_from`](Self::recv_from).
    ///
    /// # Cancellation
    /// No datagram is lost.
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.receive(buf, Take::Peek)
    }

    fn receive(&self, buf: &mut [u8], take: Take) -> io::Result<usize> {
        self.0.wait(Direction::Read, self.0.read_timeout(), |fd| {
            socket::receive(fd, buf, take)
        })
    }

    /// May suspend. Sends a datagram to this path.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), or `TimedOut` after the write timeout.
    ///
    /// # Cancellation
    /// The datagram is not sent.
    pub fn send_to<P: AsRef<Path>>(&self, buf: &[u8], path: P) -> io::Result<usize> {
        self.deliver(buf, &path_to_system(path.as_ref())?)
    }

    /// May suspend. Sends a datagram to this address.
    ///
    /// # Errors
    /// As [`send_to`](Self::send_to).
    ///
    /// # Cancellation
    /// The datagram is not sent.
    pub fn send_to_addr(&self, buf: &[u8], socket_addr: &SocketAddr) -> io::Result<usize> {
        self.deliver(buf, &to_system(socket_addr)?)
    }

    /// May suspend. Sends a datagram to the address to which this socket is connected.
    ///
    /// # Errors
    /// `NotConnected` if it is not, `ConnectionRefused` or `BrokenPipe` if the other end is gone,
    /// `TimedOut` after the write timeout.
    ///
    /// # Cancellation
    /// The datagram is not sent.
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.wait(Direction::Write, self.0.write_timeout(), |fd| {
            socket::send(fd, buf)
        })
    }

    /// Ends one direction, or both. Whoever waits for that direction is woken.
    ///
    /// # Errors
    /// `NotConnected` if it is not connected.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.socket().shutdown(how)
    }

    /// May suspend. Sends to an address, and waits while the receiver's queue is full.
    ///
    /// A socket that is writable says that its own buffer has room; nothing of it tells when
    /// the receiver's queue has. So that is waited for with another one.
    fn deliver(&self, bytes: &[u8], to: &SockAddr) -> io::Result<usize> {
        loop {
            // A wait that was lost to another sender starts anew, its timeout included.
            let timeout = self.0.write_timeout();
            let sent = self.0.wait(Direction::Write, timeout, |fd| {
                match socket::send_to(fd, bytes, to) {
                    Err(error) if is_full(&error) && writable(fd).is_ok() => Ok(None),
                    other => other.map(Some),
                }
            })?;
            match sent {
                Some(n) => return Ok(n),
                None if self.0.is_nonblocking() => return Err(io::ErrorKind::WouldBlock.into()),
                None => wait_for_room(to, timeout)?,
            }
        }
    }
}

/// May suspend. Waits until the queue of the receiver at this address has room: a socket that
/// is connected to it is writable only then.
fn wait_for_room(to: &SockAddr, timeout: Option<Duration>) -> io::Result<()> {
    let probe = UnixDatagram::unbound()?;
    SockRef::from(&probe).connect(to)?;
    probe.0.wait(Direction::Write, timeout, writable)
}

fn is_full(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// Whether the socket has room for a datagram; `WouldBlock` if not.
fn writable(fd: BorrowedFd<'_>) -> io::Result<()> {
    if wait_fd(fd, true, Some(Duration::ZERO))? {
        return Ok(());
    }
    Err(io::ErrorKind::WouldBlock.into())
}
