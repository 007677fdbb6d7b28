//! Sockets as handles: conversions to and from std's types and descriptors, and the methods that all six
//! sockets have.

use std::io;
use std::os::fd::{IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net as std_unix;

use socket2::SockRef;

use super::socket::Socket;
use super::tcp_listener::TcpListener;
use super::tcp_stream::TcpStream;
use super::udp::UdpSocket;
use super::unix::{UnixDatagram, UnixListener, UnixStream};
use crate::util::descriptor::descriptor_conversions;
use crate::util::fmt::impl_fmt;

macro_rules! handles {
    ($($name:ident, $std:ty;)*) => {$(
        descriptor_conversions!($name, $std);

        impl $name {
            /// Takes over a socket of std's, with its timeouts. Operations wait in the event loop from
            /// now on, even if the socket was nonblocking before; see
            /// [`set_nonblocking`](Self::set_nonblocking).
            #[must_use]
            pub fn from_std(socket: $std) -> Self {
                Self(Socket::from_std(socket))
            }

            /// Converts the socket into std's type: ends the registration with the event loop, makes the
            /// socket blocking (unless [`set_nonblocking`](Self::set_nonblocking) was called with
            /// `true`), and sets the timeouts in the socket's options.
            ///
            /// Clones share the open file description. Those of this crate's types continue to work.
            #[must_use]
            pub fn into_std(self) -> $std {
                self.0.into_std()
            }

            /// Creates another handle to the same socket. As with std, both share the socket's state and
            /// settings. Each handle has a registration of its own, so a clone also makes the socket
            /// usable in the event loop of another thread.
            ///
            /// # Errors
            /// If too many files are open.
            pub fn try_clone(&self) -> io::Result<Self> {
                self.0.try_clone().map(Self)
            }

            /// Takes the error that is stored in the socket, which clears it.
            ///
            /// # Errors
            /// If the option can't be read.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                SockRef::from(self).take_error()
            }

            /// Sets whether operations fail with [`WouldBlock`](io::ErrorKind::WouldBlock) instead of
            /// waiting. As with std, the setting applies to all clones.
            ///
            /// # Errors
            /// None. The signature is std's.
            pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
                self.0.set_nonblocking(nonblocking);
                Ok(())
            }
        }

        /// Libraries require these traits of a socket type.
        const _: () = {
            const fn assert_shared<T: Send + Sync + Unpin + 'static>() {}
            assert_shared::<$name>();
        };

        impl From<$name> for $std {
            fn from(socket: $name) -> Self {
                socket.into_std()
            }
        }

        impl From<$name> for OwnedFd {
            /// Same as `into_std`.
            fn from(socket: $name) -> Self {
                socket.into_std().into()
            }
        }

        impl IntoRawFd for $name {
            /// Same as `into_std`.
            fn into_raw_fd(self) -> RawFd {
                self.into_std().into_raw_fd()
            }
        }

        impl_fmt!(Debug for $name, |this, f| this.0.fmt(f));
    )*};
}

handles! {
    TcpListener, std::net::TcpListener;
    TcpStream, std::net::TcpStream;
    UdpSocket, std::net::UdpSocket;
    UnixListener, std_unix::UnixListener;
    UnixStream, std_unix::UnixStream;
    UnixDatagram, std_unix::UnixDatagram;
}
