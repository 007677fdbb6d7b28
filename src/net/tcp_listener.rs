//! Listening for TCP connections.

use std::io;
use std::net::SocketAddr;

use socket2::SockRef;

use super::address::{ToSocketAddrs, each_address, from_system};
use super::incoming::incoming;
use super::socket::Socket;
use super::std_methods::std_methods;
use super::tcp_stream::TcpStream;

/// The length of the queue of connections to accept, if the system allows as many.
const BACKLOG: i32 = 4096;

/// A TCP listener: [`std::net::TcpListener`], waiting in the event loop.
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
pub struct TcpListener(pub(super) Socket<std::net::TcpListener>);

impl TcpListener {
    /// May suspend, to look up a host's name. Listens at the first of the addresses that can be bound;
    /// port 0 selects a free port.
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
    /// The error of the last address, or of the lookup.
    ///
    /// # Cancellation
    /// A cancelled wait ends with an error: see [`docs::cancellation`](crate::docs::cancellation).
    pub fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<Self> {
        each_address(addr, |address| {
            let listener = std::net::TcpListener::bind(address)?;
            // std sets a queue of 128. Tasks of one loop can connect by the thousand before the accepting
            // task runs, and a connect that meets a full queue retries only after seconds.
            SockRef::from(&listener).listen(BACKLOG)?;
            Ok(listener)
        })
        .map(Socket::created)
        .map(Self)
    }

    /// May suspend. Accepts the next connection, and returns the peer's address.
    ///
    /// # Errors
    /// The system's error. The listener remains usable: an aborted connection does not affect the others,
    /// and if too many files are open the connection stays in the queue. A loop that continues after such an
    /// error calls this method again at once; [`incoming`](Self::incoming) pauses first.
    ///
    /// # Cancellation
    /// No connection is lost.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (socket, address) = self.0.accept()?;
        Ok((TcpStream(socket), from_system(&address)?))
    }

    /// Has no effect: this option can only be set before a socket is bound.
    ///
    /// # Errors
    /// The system's error.
    #[deprecated(note = "this option can only be set before the socket is bound")]
    pub fn set_only_v6(&self, only_v6: bool) -> io::Result<()> {
        #[expect(deprecated)]
        self.0.std().set_only_v6(only_v6)
    }

    /// Whether it accepts IPv6 connections only.
    ///
    /// # Errors
    /// The system's error.
    #[deprecated(note = "this option can only be set before the socket is bound")]
    pub fn only_v6(&self) -> io::Result<bool> {
        #[expect(deprecated)]
        self.0.std().only_v6()
    }
}

impl TcpListener {
    crate::runtime::io::readiness_methods!(|socket| socket.0; when_readable);
}

std_methods! { TcpListener:
    /// The address at which it listens.
    ///
    /// # Errors
    /// The system's error.
    fn local_addr() -> SocketAddr;

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

incoming! {
    TcpListener, TcpStream,
    ///
    /// ```
    /// use selvedge::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let client = TcpStream::connect(listener.local_addr()?)?;
    /// for stream in listener.incoming().take(1) {
    ///     match stream {
    ///         Ok(stream) => assert_eq!(stream.peer_addr()?, client.local_addr()?),
    ///         // The listener remains usable.
    ///         Err(error) => eprintln!("no connection: {error}"),
    ///     }
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
}
