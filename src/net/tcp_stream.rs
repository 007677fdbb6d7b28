//! TCP connections.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use super::address::{ToSocketAddrs, no_address};
use super::attempts::connect_to_any;
use super::connect::connect;
use super::settings::zero_timeout;
use super::socket::Socket;
use super::std_methods::std_methods;

/// A TCP connection: [`std::net::TcpStream`], waiting in the event loop.
///
/// ```
/// use selvedge::net::{TcpListener, TcpStream};
/// use std::io::{Read, Write};
/// use std::time::Duration;
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let mut client = TcpStream::connect(listener.local_addr()?)?;
/// let (mut server, _) = listener.accept()?;
///
/// client.write_all(b"ping")?;
/// let mut bytes = [0; 4];
/// server.read_exact(&mut bytes)?;
/// assert_eq!(&bytes, b"ping");
///
/// // The client sends nothing more.
/// server.set_read_timeout(Some(Duration::from_millis(10)))?;
/// let error = server.read(&mut bytes).unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// `Read` and `Write` are implemented for a shared reference as well, so that one task can read while
/// another writes.
pub struct TcpStream(pub(super) Socket<std::net::TcpStream>);

impl TcpStream {
    /// May suspend. Connects to the first of the addresses that accepts the connection.
    ///
    /// Several addresses are tried as RFC 8305 ("happy eyeballs") says: IPv6 and IPv4 addresses alternate, and when an
    /// attempt has had no answer for 250 ms, the next one starts as well. The first connection wins, and the other
    /// sockets are closed.
    ///
    /// ```
    /// use selvedge::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let address = listener.local_addr()?;
    /// // Looks up the name, which may have an address of each family.
    /// let stream = TcpStream::connect(("localhost", address.port()))?;
    /// assert_eq!(stream.peer_addr()?, address);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// The error of the attempt, or of the lookup. After several attempts the error has the kind of the last one, and
    /// its text lists the addresses with their errors.
    ///
    /// # Cancellation
    /// All attempts end, and their sockets are closed.
    pub fn connect<A: ToSocketAddrs>(addr: A) -> io::Result<Self> {
        let addresses: Vec<SocketAddr> = addr.to_socket_addrs()?.collect();
        Self::connect_to_any(&addresses, None)
    }

    /// May suspend. As [`connect`](Self::connect), with one timeout for all attempts together.
    pub(crate) fn connect_to_any(
        addresses: &[SocketAddr],
        timeout: Option<Duration>,
    ) -> io::Result<Self> {
        match addresses {
            [] => Err(no_address()),
            [address] => connect(&(*address).into(), timeout).map(Self),
            _ => connect_to_any(addresses, timeout).map(Self),
        }
    }

    /// May suspend. Connects to an address, with a timeout.
    ///
    /// # Errors
    /// `TimedOut` after the timeout, `InvalidInput` for a timeout of zero, or the error of the attempt.
    ///
    /// # Cancellation
    /// The attempt ends and its socket is closed.
    pub fn connect_timeout(addr: &SocketAddr, timeout: Duration) -> io::Result<Self> {
        if timeout.is_zero() {
            return Err(zero_timeout());
        }
        connect(&(*addr).into(), Some(timeout)).map(Self)
    }

    /// May suspend. Writes bytes. Returns `None` if the connection may be readable before it
    /// accepts any byte.
    #[cfg(feature = "http")]
    pub(crate) fn write_unless_readable(
        &self,
        buf: &[u8],
        timeout: Option<Duration>,
    ) -> io::Result<Option<usize>> {
        self.0.write_unless_readable(buf, timeout)
    }

    /// Shuts down one direction of the connection, or both. A task that waits for that direction is woken:
    /// a reader gets the end of the stream, a writer an error.
    ///
    /// ```
    /// use selvedge::net::{Shutdown, TcpListener, TcpStream};
    /// use std::io::{Read, Write};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut client = TcpStream::connect(listener.local_addr()?)?;
    /// let (mut server, _) = listener.accept()?;
    ///
    /// client.write_all(b"a question")?;
    /// client.shutdown(Shutdown::Write)?;
    ///
    /// let mut question = String::new();
    /// server.read_to_string(&mut question)?;
    /// server.write_all(b"an answer")?;
    /// drop(server);
    ///
    /// let mut answer = String::new();
    /// client.read_to_string(&mut answer)?;
    /// assert_eq!((&*question, &*answer), ("a question", "an answer"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotConnected` once the connection is closed.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.shutdown(how)
    }
}

impl TcpStream {
    crate::runtime::io::readiness_methods!(|socket| socket.0; when_readable when_writable when_peer_closed);
}

std_methods! { TcpStream:
    /// The address of the peer.
    ///
    /// # Errors
    /// `NotConnected` once the connection is closed.
    fn peer_addr() -> SocketAddr;

    /// The address of this end.
    ///
    /// # Errors
    /// The system's error.
    fn local_addr() -> SocketAddr;

    /// Sets whether small segments are sent immediately (`TCP_NODELAY`) instead of being collected.
    ///
    /// # Errors
    /// The system's error.
    fn set_nodelay(nodelay: bool) -> ();

    /// Whether small segments are sent immediately.
    ///
    /// # Errors
    /// The system's error.
    fn nodelay() -> bool;

    /// Sets the time to live of sent packets.
    ///
    /// # Errors
    /// The system's error.
    fn set_ttl(ttl: u32) -> ();

    /// The time to live of sent packets.
    ///
    /// # Errors
    /// The system's error.
    fn ttl() -> u32;
}
