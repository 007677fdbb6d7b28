//! Datagrams of the internet.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::address::{ToSocketAddrs, each_address};
use super::inner::Inner;
use super::tcp_listener::not_inet;
use crate::runtime::io::side::Direction;
use crate::sys::socket::{self, Take};

/// A UDP socket: [`std::net::UdpSocket`], waiting in the event loop.
///
/// ```
/// use selvedge::net::UdpSocket;
///
/// let a = UdpSocket::bind("127.0.0.1:0")?;
/// let b = UdpSocket::bind("127.0.0.1:0")?;
/// a.send_to(b"thread", b.local_addr()?)?;
///
/// let mut bytes = [0; 16];
/// let (n, from) = b.recv_from(&mut bytes)?;
/// assert_eq!((&bytes[..n], from), (&b"thread"[..], a.local_addr()?));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// A datagram that is longer than the buffer is cut off; what is cut off is lost.
pub struct UdpSocket(pub(super) Inner<std::net::UdpSocket>);

impl UdpSocket {
    /// May suspend, to look up a host's name. A socket at the first of the addresses at which
    /// there can be one; port 0 is one that is free.
    ///
    /// # Errors
    /// The last address' error, or that of the lookup.
    pub fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<Self> {
        each_address(addr, std::net::UdpSocket::bind).map(Self::from_std)
    }

    /// May suspend. Receives a datagram; answers its length and where it comes from.
    ///
    /// # Errors
    /// `TimedOut` after the read timeout, or what the system says.
    ///
    /// # Cancellation
    /// No datagram is lost.
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.receive_from(buf, Take::Remove)
    }

    /// May suspend. Looks at the next datagram and leaves it there.
    ///
    /// # Errors
    /// As [`recv_from`](Self::recv_from).
    ///
    /// # Cancellation
    /// No datagram is lost.
    pub fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.receive_from(buf, Take::Peek)
    }

    fn receive_from(&self, buf: &mut [u8], take: Take) -> io::Result<(usize, SocketAddr)> {
        let timeout = self.0.read_timeout();
        let (n, from) = self.0.wait(Direction::Read, timeout, |fd| {
            socket::receive_from(fd, buf, take)
        })?;
        Ok((n, from.as_socket().ok_or_else(not_inet)?))
    }

    /// May suspend. Sends a datagram to the first of the addresses.
    ///
    /// # Errors
    /// `InvalidInput` if there is no address, `TimedOut` after the write timeout, or what the
    /// system says.
    ///
    /// # Cancellation
    /// The datagram is not sent.
    pub fn send_to<A: ToSocketAddrs>(&self, buf: &[u8], addr: A) -> io::Result<usize> {
        let to = addr.to_socket_addrs()?.next().ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "no addresses to send data to")
        })?;
        let to = to.into();
        self.0.wait(Direction::Write, self.0.write_timeout(), |fd| {
            socket::send_to(fd, buf, &to)
        })
    }

    /// May suspend, to look up a host's name. From here on [`send`](Self::send) sends to this
    /// address, and only what comes from there is received.
    ///
    /// ```
    /// use selvedge::net::UdpSocket;
    ///
    /// let a = UdpSocket::bind("127.0.0.1:0")?;
    /// let b = UdpSocket::bind("127.0.0.1:0")?;
    /// a.connect(b.local_addr()?)?;
    /// b.connect(a.local_addr()?)?;
    ///
    /// a.send(b"tie")?;
    /// let mut bytes = [0; 16];
    /// assert_eq!(b.recv(&mut bytes)?, 3);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// The last address' error, or that of the lookup.
    pub fn connect<A: ToSocketAddrs>(&self, addr: A) -> io::Result<()> {
        each_address(addr, |address| self.0.socket().connect(address))
    }

    /// May suspend. Sends a datagram to the address to which this socket is connected.
    ///
    /// # Errors
    /// `TimedOut` after the write timeout, or what the system says; `ConnectionRefused` if it
    /// has learnt meanwhile that nobody listens there.
    ///
    /// # Cancellation
    /// The datagram is not sent.
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.wait(Direction::Write, self.0.write_timeout(), |fd| {
            socket::send(fd, buf)
        })
    }

    /// May suspend. Receives a datagram from the address to which this socket is connected.
    ///
    /// # Errors
    /// `TimedOut` after the read timeout, or what the system says; `ConnectionRefused` if it
    /// has learnt meanwhile that nobody listens there.
    ///
    /// # Cancellation
    /// No datagram is lost.
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.receive(buf, Take::Remove)
    }

    /// May suspend. Looks at the next datagram and leaves it there.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancellation
    /// No datagram is lost.
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.receive(buf, Take::Peek)
    }

    fn receive(&self, buf: &mut [u8], take: Take) -> io::Result<usize> {
        self.0.wait(Direction::Read, self.0.read_timeout(), |fd| {
            socket::receive(fd, buf, take)
        })
    }

    /// The address to which this socket is connected.
    ///
    /// # Errors
    /// `NotConnected` if it is not.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.socket().peer_addr()
    }

    /// The address of this socket.
    ///
    /// # Errors
    /// If the system can't tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.socket().local_addr()
    }
}

/// Options that are std's, with what they are called there.
macro_rules! options {
    ($($(#[$doc:meta])* $set:ident($value:ty), $get:ident;)*) => {
        impl UdpSocket {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// What the system says.
            pub fn $set(&self, value: $value) -> io::Result<()> {
                self.0.socket().$set(value)
            }

            #[doc = concat!("What [`", stringify!($set), "`](Self::", stringify!($set), ") sets.")]
            ///
            /// # Errors
            /// What the system says.
            pub fn $get(&self) -> io::Result<$value> {
                self.0.socket().$get()
            }
        )*}
    };
}

options! {
    /// Whether it may send to a broadcast address.
    set_broadcast(bool), broadcast;
    /// Whether what it sends to a group of IPv4 comes back to this machine's members.
    set_multicast_loop_v4(bool), multicast_loop_v4;
    /// How many hops what it sends to a group of IPv4 may travel.
    set_multicast_ttl_v4(u32), multicast_ttl_v4;
    /// Whether what it sends to a group of IPv6 comes back to this machine's members.
    set_multicast_loop_v6(bool), multicast_loop_v6;
    /// How many hops what it sends to a single address may travel.
    set_ttl(u32), ttl;
}

impl UdpSocket {
    /// Joins a group of IPv4, on the interface that has this address; `0.0.0.0` leaves the
    /// choice to the system.
    ///
    /// # Errors
    /// What the system says.
    pub fn join_multicast_v4(&self, multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.0.socket().join_multicast_v4(multiaddr, interface)
    }

    /// Joins a group of IPv6, on the interface of this index; 0 leaves the choice to the system.
    ///
    /// # Errors
    /// What the system says.
    pub fn join_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.0.socket().join_multicast_v6(multiaddr, interface)
    }

    /// Leaves a group of IPv4.
    ///
    /// # Errors
    /// What the system says.
    pub fn leave_multicast_v4(&self, multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.0.socket().leave_multicast_v4(multiaddr, interface)
    }

    /// Leaves a group of IPv6.
    ///
    /// # Errors
    /// What the system says.
    pub fn leave_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.0.socket().leave_multicast_v6(multiaddr, interface)
    }
}
