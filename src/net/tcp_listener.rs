//! Listening for TCP connections.

use std::io;
use std::iter::FusedIterator;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use socket2::{SockAddr, SockRef};

use super::address::{ToSocketAddrs, each_address};
use super::inner::Inner;
use super::tcp_stream::TcpStream;
use crate::runtime::io::side::Direction;
use crate::sys;

/// How many connections may wait to be accepted, if the system allows that many.
const BACKLOG: i32 = 4096;

/// A TCP socket that takes connections: [`std::net::TcpListener`], waiting in the event loop.
///
/// ```
/// use selvedge::net::{TcpListener, TcpStream};
/// use std::io::{Read, Write};
/// use std::thread;
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let address = listener.local_addr()?;
/// let client = thread::spawn(move || {
///     let mut answer = String::new();
///     TcpStream::connect(address)?.read_to_string(&mut answer)?;
///     Ok::<_, std::io::Error>(answer)
/// });
///
/// let (mut stream, peer) = listener.accept()?;
/// write!(stream, "hello, {}", peer.ip())?;
/// drop(stream);
/// assert_eq!(client.join().unwrap()?, "hello, 127.0.0.1");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct TcpListener(pub(super) Inner<std::net::TcpListener>);

impl TcpListener {
    /// May suspend, to look up a host's name. Listens at the first of the addresses at which it
    /// can; port 0 is one that is free.
    ///
    /// ```
    /// use selvedge::net::TcpListener;
    /// use std::io::ErrorKind;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let again = TcpListener::bind(listener.local_addr()?);
    /// assert_eq!(again.unwrap_err().kind(), ErrorKind::AddrInUse);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// The last address' error, or that of the lookup.
    pub fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<Self> {
        each_address(addr, |address| {
            let listener = std::net::TcpListener::bind(address)?;
            // std asks for a queue of 128. The tasks of one loop connect by the thousand before the
            // one that accepts has its turn, and whoever finds the queue full tries again in seconds.
            SockRef::from(&listener).listen(BACKLOG)?;
            Ok(listener)
        })
        .map(Self::from_std)
    }

    /// The address at which it listens.
    ///
    /// # Errors
    /// If the system can't tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.socket().local_addr()
    }

    /// May suspend. The next connection, and where it comes from.
    ///
    /// # Errors
    /// What the system says. After an error the listener is as good as before: one that tells
    /// of a connection that was aborted concerns nobody else, and after one that tells of too
    /// many open files the connection still waits to be accepted.
    ///
    /// # Cancellation
    /// No connection is lost.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (fd, address) = accept(&self.0)?;
        let stream = TcpStream(Inner::fresh(fd.into()));
        let address = address.as_socket().ok_or_else(not_inet)?;
        Ok((stream, address))
    }

    /// One connection after the other: [`accept`](Self::accept) in an endless loop. Each `next`
    /// may suspend.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// Sets the time to live of what is sent.
    ///
    /// # Errors
    /// What the system says.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.0.socket().set_ttl(ttl)
    }

    /// The time to live of what is sent.
    ///
    /// # Errors
    /// What the system says.
    pub fn ttl(&self) -> io::Result<u32> {
        self.0.socket().ttl()
    }

    /// Has no effect: this option can only be set before a socket is bound.
    ///
    /// # Errors
    /// What the system says.
    #[deprecated(note = "this option can only be set before the socket is bound")]
    pub fn set_only_v6(&self, only_v6: bool) -> io::Result<()> {
        #[expect(deprecated)]
        self.0.socket().set_only_v6(only_v6)
    }

    /// Whether it takes connections of IPv6 only.
    ///
    /// # Errors
    /// What the system says.
    #[deprecated(note = "this option can only be set before the socket is bound")]
    pub fn only_v6(&self) -> io::Result<bool> {
        #[expect(deprecated)]
        self.0.socket().only_v6()
    }
}

/// May suspend. Takes the next connection from a listener of either kind.
pub(super) fn accept<S: std::os::fd::AsFd>(listener: &Inner<S>) -> io::Result<(OwnedFd, SockAddr)> {
    listener.wait(Direction::Read, None, |fd| {
        // No flag of the call keeps it from blocking, only the open file description does, which
        // somebody with another descriptor may have switched back.
        sys::socket::set_nonblocking(fd)?;
        sys::socket::accept(fd)
    })
}

/// What a socket answers that was said to be one of the internet, and is not.
pub(super) fn not_inet() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "the peer's address is not one of the internet",
    )
}

/// The connections of a [`TcpListener`], without end.
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    /// May suspend.
    fn next(&mut self) -> Option<Self::Item> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl FusedIterator for Incoming<'_> {}
