//! Listening for connections on a Unix socket.

use std::io;
use std::os::unix::net as std_unix;
use std::path::Path;

use super::address::from_system;
use super::{SocketAddr, UnixStream};
use crate::net::incoming::incoming;
use crate::net::socket::Socket;
use crate::net::std_methods::std_methods;

/// A Unix listener: [`std::os::unix::net::UnixListener`], waiting in the event loop.
///
/// ```
/// use selvedge::net::unix::{UnixListener, UnixStream};
/// use std::io::{Read, Write};
///
/// let path = std::env::temp_dir().join(format!("selvedge-listener-{}", std::process::id()));
/// let listener = UnixListener::bind(&path)?;
/// let mut client = UnixStream::connect(&path)?;
/// let (mut server, _) = listener.accept()?;
///
/// client.write_all(b"hem")?;
/// let mut bytes = [0; 3];
/// server.read_exact(&mut bytes)?;
/// assert_eq!(&bytes, b"hem");
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// As with std, dropping the listener does not remove the file at its path.
pub struct UnixListener(pub(in crate::net) Socket<std_unix::UnixListener>);

impl UnixListener {
    /// Creates a file at a path and listens there.
    ///
    /// # Errors
    /// `AddrInUse` if the file exists, `InvalidInput` if the path is too long, or the system's error.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        std_unix::UnixListener::bind(path)
            .map(Socket::created)
            .map(Self)
    }

    /// Listens at an address, which may be in the abstract namespace.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub fn bind_addr(socket_addr: &SocketAddr) -> io::Result<Self> {
        std_unix::UnixListener::bind_addr(socket_addr)
            .map(Socket::created)
            .map(Self)
    }

    /// May suspend. Accepts the next connection, and returns the peer's address. Most peers are unnamed.
    ///
    /// # Errors
    /// The system's error. The listener remains usable. If too many files are open, the connection stays in the
    /// queue, and a loop that continues calls this method again at once; [`incoming`](Self::incoming) pauses
    /// first.
    ///
    /// # Cancellation
    /// No connection is lost.
    pub fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let (socket, address) = self.0.accept()?;
        Ok((UnixStream(socket), from_system(&address)?))
    }
}

impl UnixListener {
    crate::runtime::io::readiness_methods!(|socket| socket.0; when_readable);
}

std_methods! { UnixListener:
    /// The address at which it listens.
    ///
    /// # Errors
    /// The system's error.
    fn local_addr() -> SocketAddr;
}

incoming! { UnixListener, UnixStream, }

impl<'a> IntoIterator for &'a UnixListener {
    type Item = io::Result<UnixStream>;
    type IntoIter = Incoming<'a>;

    fn into_iter(self) -> Incoming<'a> {
        self.incoming()
    }
}
