//! Timeouts of reads and writes, on the four sockets that have them.

use std::io;
use std::time::Duration;

use super::tcp_stream::TcpStream;
use super::udp::UdpSocket;
use super::unix::{UnixDatagram, UnixStream};
use crate::sys::wait_fd::Direction;

macro_rules! timeouts {
    ($($name:ident)*) => {$(
        impl $name {
            /// Sets how long a read may wait; initially `None`, without limit. A read that would wait
            /// longer fails with [`TimedOut`](io::ErrorKind::TimedOut) and has taken nothing. The timeout
            /// applies to all clones, from the next read on.
            ///
            /// # Errors
            /// `InvalidInput` for a timeout of zero.
            pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                self.0.set_timeout(Direction::Read, timeout)
            }

            /// Sets how long a write may wait; see [`set_read_timeout`](Self::set_read_timeout).
            ///
            /// # Errors
            /// `InvalidInput` for a timeout of zero.
            pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                self.0.set_timeout(Direction::Write, timeout)
            }

            /// How long a read may wait.
            ///
            /// # Errors
            /// None. The signature is std's.
            pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
                Ok(self.0.timeout(Direction::Read))
            }

            /// How long a write may wait.
            ///
            /// # Errors
            /// None. The signature is std's.
            pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
                Ok(self.0.timeout(Direction::Write))
            }
        }
    )*};
}

timeouts! { TcpStream UdpSocket UnixStream UnixDatagram }
