//! Listening for connections on a Unix socket.

use std::io;
use std::os::unix::net as std_unix;
use std::path::Path;

use super::address::from_system;
use super::{SocketAddr, UnixStream};
use crate::net::inner::Inner;
use crate::net::tcp_listener::accept;

/// A Unix socket that takes connections: [`std::os::unix::net::UnixListener`], waiting in the
/// event loop.
///
/// ```
/// use selvedge::net::{UnixListener, UnixStream};
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
/// As with std, dropping it leaves the file of its path behind.
pub struct UnixListener(pub(in crate::net) Inner<std_unix::UnixListener>);

impl UnixListener {
    /// Listens at this path, at which it makes a file.
    ///
    /// # Errors
    /// `AddrInUse` if there is a file, `InvalidInput` if the path is too long, or what the
    /// system says.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        std_unix::UnixListener::bind(path).map(Self::from_std)
    }

    /// Listens at this address, which may be one of the abstract namespace.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub fn bind_addr(socket_addr: &SocketAddr) -> io::Result<Self> {
        std_unix::UnixListener::bind_addr(socket_addr).map(Self::from_std)
    }

    /// May suspend. The next connection, and the address of its other end, which most often has
    /// none.
    ///
    /// # Errors
    /// What the system says. After an error the listener is as good as before.
    ///
    /// # Cancellation
    /// No connection is lost.
    pub fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let (fd, address) = accept(&self.0)?;
        let stream = UnixStream(Inner::fresh(fd.into()));
        Ok((stream, from_system(&address)?))
    }

    /// The address at which it listens.
    ///
    /// # Errors
    /// If the system can't tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.socket().local_addr()
    }

    /// One connection after the other: [`accept`](Self::accept) in an endless loop. Each `next`
    /// may suspend.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }
}

impl<'a> IntoIterator for &'a UnixListener {
    type Item = io::Result<UnixStream>;
    type IntoIter = Incoming<'a>;

    fn into_iter(self) -> Incoming<'a> {
        self.incoming()
    }
}

/// The connections of a [`UnixListener`], without end.
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a UnixListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<UnixStream>;

    /// May suspend.
    fn next(&mut self) -> Option<Self::Item> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}
