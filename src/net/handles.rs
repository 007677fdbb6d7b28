//! Sockets as descriptors: to and from std's types, and the conversions that every holder of a
//! descriptor has. `from_raw_fd` is all that is unsafe in `net`.

#![allow(unsafe_code)]

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net as std_unix;

use socket2::SockRef;

use super::inner::Inner;
use super::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};

/// What all six sockets have, by the same words.
macro_rules! handles {
    ($($name:ident, $std:ty;)*) => {$(
        impl $name {
            /// Takes over a socket of std's, with its timeouts. Whether it blocked or not, from
            /// here on it waits; see [`set_nonblocking`](Self::set_nonblocking).
            #[must_use]
            pub fn from_std(socket: $std) -> Self {
                Self(Inner::adopt(socket))
            }

            /// Gives the socket away as std has it: no loop knows of it any more, it blocks
            /// (unless [`set_nonblocking`](Self::set_nonblocking) said otherwise), and its
            /// timeouts are the socket's own.
            ///
            /// Whoever has a clone has the same open file description. Clones that are still
            /// ours go on working.
            #[must_use]
            pub fn into_std(self) -> $std {
                self.0.release()
            }

            /// Another handle to the same socket. As with std, both share its state and its
            /// settings. Each is registered by itself, so this is also the way to use a socket
            /// in the event loops of two threads.
            ///
            /// # Errors
            /// If there are too many open files.
            pub fn try_clone(&self) -> io::Result<Self> {
                self.0.try_clone().map(Self)
            }

            /// The error that the socket has stored, which is cleared by that.
            ///
            /// # Errors
            /// If the socket can't be asked.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                SockRef::from(self).take_error()
            }

            /// Whether operations that would have to wait answer
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) instead. As with std, that goes for
            /// every clone.
            ///
            /// # Errors
            /// None. The signature is std's.
            pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
                self.0.set_nonblocking(nonblocking);
                Ok(())
            }
        }

        impl From<$std> for $name {
            fn from(socket: $std) -> Self {
                Self::from_std(socket)
            }
        }

        impl From<$name> for $std {
            fn from(socket: $name) -> Self {
                socket.into_std()
            }
        }

        impl From<OwnedFd> for $name {
            fn from(fd: OwnedFd) -> Self {
                Self::from_std(fd.into())
            }
        }

        impl From<$name> for OwnedFd {
            /// As `into_std` does.
            fn from(socket: $name) -> Self {
                socket.into_std().into()
            }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.as_fd()
            }
        }

        impl AsRawFd for $name {
            fn as_raw_fd(&self) -> RawFd {
                self.as_fd().as_raw_fd()
            }
        }

        impl IntoRawFd for $name {
            /// As `into_std` does.
            fn into_raw_fd(self) -> RawFd {
                self.into_std().into_raw_fd()
            }
        }

        impl FromRawFd for $name {
            /// # Safety
            /// The descriptor is open, and the caller's to give away.
            unsafe fn from_raw_fd(fd: RawFd) -> Self {
                // SAFETY: the caller owns the descriptor and gives it away.
                Self::from(unsafe { OwnedFd::from_raw_fd(fd) })
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
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
