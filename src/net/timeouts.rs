//! Timeouts of reads and writes, on the four sockets that have them.

use std::io;
use std::time::Duration;

use super::{TcpStream, UdpSocket, UnixDatagram, UnixStream};

macro_rules! timeouts {
    ($($name:ident)*) => {$(
        impl $name {
            /// How long a read may wait; `None`, as at the beginning, for as long as it takes.
            /// One that waits longer answers [`TimedOut`](io::ErrorKind::TimedOut) and has
            /// taken nothing. It holds for every clone, and from the next read on.
            ///
            /// # Errors
            /// `InvalidInput` for a timeout of zero.
            pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                self.0.set_read_timeout(timeout)
            }

            /// How long a write may wait; see [`set_read_timeout`](Self::set_read_timeout).
            ///
            /// # Errors
            /// `InvalidInput` for a timeout of zero.
            pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                self.0.set_write_timeout(timeout)
            }

            /// How long a read may wait.
            ///
            /// # Errors
            /// None. The signature is std's.
            pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
                Ok(self.0.read_timeout())
            }

            /// How long a write may wait.
            ///
            /// # Errors
            /// None. The signature is std's.
            pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
                Ok(self.0.write_timeout())
            }
        }
    )*};
}

timeouts! { TcpStream UdpSocket UnixStream UnixDatagram }
