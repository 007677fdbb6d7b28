//! Receiving and sending datagrams: the methods that the two datagram sockets share.

use std::io;
use std::net::SocketAddr;

use super::address;
use super::udp::UdpSocket;
use super::unix::{self, UnixDatagram};
use crate::sys::socket::{self, Mode};
use crate::sys::wait_fd::Direction;

macro_rules! datagrams {
    ($($name:ident, $address:ty, $from_system:path;)*) => {$(
        impl $name {
            /// May suspend. Receives a datagram, and returns its length and the sender's address.
            ///
            /// # Errors
            /// `TimedOut` after the read timeout, or the system's error.
            ///
            /// # Cancellation
            /// No datagram is lost.
            pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, $address)> {
                self.receive_from(buf, Mode::Remove)
            }

            /// May suspend. Reads the next datagram without removing it from the queue.
            ///
            /// # Errors
            /// As [`recv_from`](Self::recv_from).
            ///
            /// # Cancellation
            /// No datagram is lost.
            pub fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, $address)> {
                self.receive_from(buf, Mode::Peek)
            }

            fn receive_from(&self, buf: &mut [u8], mode: Mode) -> io::Result<(usize, $address)> {
                let (n, from) = self.0.receive_from(buf, mode)?;
                Ok((n, $from_system(&from)?))
            }

            /// May suspend. Receives a datagram; on a connected socket, from that address only.
            ///
            /// # Errors
            /// `TimedOut` after the read timeout, or the system's error; on a connected UDP socket
            /// `ConnectionRefused` if an earlier datagram found no receiver.
            ///
            /// # Cancellation
            /// No datagram is lost.
            pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.0.receive(buf, Mode::Remove)
            }

            /// May suspend. Reads the next datagram without removing it from the queue.
            ///
            /// # Errors
            /// As [`recv`](Self::recv).
            ///
            /// # Cancellation
            /// No datagram is lost.
            pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.0.receive(buf, Mode::Peek)
            }

            /// May suspend. Sends a datagram to the address to which this socket is connected.
            ///
            /// # Errors
            /// The system's error if the socket is not connected; `ConnectionRefused` or `BrokenPipe` if
            /// the receiver does not exist (any more); `TimedOut` after the write timeout.
            ///
            /// # Cancellation
            /// The datagram is not sent.
            pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
                self.0.io(Direction::Write, |fd| socket::send(fd, buf))
            }
        }
    )*};
}

datagrams! {
    UdpSocket, SocketAddr, address::from_system;
    UnixDatagram, unix::SocketAddr, unix::address::from_system;
}
