//! TCP connections.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use super::address::{ToSocketAddrs, each_address};
use super::connect::connect;
use super::inner::{Inner, zero_timeout};

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
/// // Nothing more comes.
/// server.set_read_timeout(Some(Duration::from_millis(10)))?;
/// let error = server.read(&mut bytes).unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// Reading and writing work on a shared reference as well, so that one task can read while
/// another writes.
pub struct TcpStream(pub(super) Inner<std::net::TcpStream>);

impl TcpStream {
    /// May suspend. Connects to the first of the addresses that answers.
    ///
    /// # Errors
    /// The last address' error, or that of the lookup.
    ///
    /// # Cancellation
    /// The attempt is given up and its socket closed.
    pub fn connect<A: ToSocketAddrs>(addr: A) -> io::Result<Self> {
        each_address(addr, |address| connect(&address.into(), None).map(Self))
    }

    /// May suspend. Connects to this address, within this time.
    ///
    /// # Errors
    /// `TimedOut` if the time is over, `InvalidInput` for a timeout of zero, or what the attempt
    /// ends with.
    ///
    /// # Cancellation
    /// The attempt is given up and its socket closed.
    pub fn connect_timeout(addr: &SocketAddr, timeout: Duration) -> io::Result<Self> {
        if timeout.is_zero() {
            return Err(zero_timeout());
        }
        connect(&(*addr).into(), Some(timeout)).map(Self)
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// `NotConnected` once the connection is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.socket().peer_addr()
    }

    /// The address of this end.
    ///
    /// # Errors
    /// If the system can't tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.socket().local_addr()
    }

    /// Ends one direction of the connection, or both. Whoever waits for that direction is woken:
    /// a reader finds the end of the stream, a writer an error.
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
    /// `NotConnected` once the connection is gone.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.socket().shutdown(how)
    }

    /// Whether small segments are sent at once (`TCP_NODELAY`) instead of being collected.
    ///
    /// # Errors
    /// What the system says.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.0.socket().set_nodelay(nodelay)
    }

    /// Whether small segments are sent at once.
    ///
    /// # Errors
    /// What the system says.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.0.socket().nodelay()
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
}
