//! UDP sockets.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::address::{ToSocketAddrs, each_address};
use super::socket::Socket;
use super::std_methods::std_methods;
use crate::sys;
use crate::sys::wait_fd::Direction;
use crate::util::io_error::invalid_input;

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
/// A datagram that is longer than the buffer is truncated, and the rest is lost.
pub struct UdpSocket(pub(super) Socket<std::net::UdpSocket>);

impl UdpSocket {
    /// May suspend, to look up a host's name. Creates a socket at the first of the addresses that can be
    /// bound; port 0 selects a free port.
    ///
    /// # Errors
    /// The error of the last address, or of the lookup.
    ///
    /// # Cancellation
    /// A cancelled wait ends with an error: see [`docs::cancellation`](crate::docs::cancellation).
    pub fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<Self> {
        each_address(addr, std::net::UdpSocket::bind)
            .map(Socket::created)
            .map(Self)
    }

    /// May suspend. Sends a datagram to the first of the addresses.
    ///
    /// # Errors
    /// `InvalidInput` if there is no address, `TimedOut` after the write timeout, or the system's error.
    ///
    /// # Cancellation
    /// The datagram is not sent.
    pub fn send_to<A: ToSocketAddrs>(&self, buf: &[u8], addr: A) -> io::Result<usize> {
        let no_address = || invalid_input("no addresses to send data to");
        let to = addr.to_socket_addrs()?.next().ok_or_else(no_address)?;
        let to = to.into();
        self.0
            .io(Direction::Write, |fd| sys::socket::send_to(fd, buf, &to))
    }

    /// May suspend, to look up a host's name. Connects the socket to the first of the addresses that the
    /// system accepts: [`send`](Self::send) then sends to that address, and only datagrams from there are
    /// received.
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
    /// The error of the last address, or of the lookup.
    ///
    /// # Cancellation
    /// A cancelled wait ends with an error: see [`docs::cancellation`](crate::docs::cancellation).
    pub fn connect<A: ToSocketAddrs>(&self, addr: A) -> io::Result<()> {
        each_address(addr, |address| self.0.std().connect(address))
    }
}

impl UdpSocket {
    crate::runtime::io::readiness_methods!(|socket| socket.0; when_readable when_writable);
}

std_methods! { UdpSocket:
    /// The address to which this socket is connected.
    ///
    /// # Errors
    /// `NotConnected` if the socket is not connected.
    fn peer_addr() -> SocketAddr;

    /// The address of this socket.
    ///
    /// # Errors
    /// The system's error.
    fn local_addr() -> SocketAddr;

    /// Sets whether the socket may send to a broadcast address.
    ///
    /// # Errors
    /// The system's error.
    fn set_broadcast(broadcast: bool) -> ();

    /// Whether the socket may send to a broadcast address.
    ///
    /// # Errors
    /// The system's error.
    fn broadcast() -> bool;

    /// Sets whether members on this machine receive datagrams sent to an IPv4 group.
    ///
    /// # Errors
    /// The system's error.
    fn set_multicast_loop_v4(multicast_loop_v4: bool) -> ();

    /// Whether members on this machine receive datagrams sent to an IPv4 group.
    ///
    /// # Errors
    /// The system's error.
    fn multicast_loop_v4() -> bool;

    /// Sets the time to live of datagrams sent to an IPv4 group.
    ///
    /// # Errors
    /// The system's error.
    fn set_multicast_ttl_v4(multicast_ttl_v4: u32) -> ();

    /// The time to live of datagrams sent to an IPv4 group.
    ///
    /// # Errors
    /// The system's error.
    fn multicast_ttl_v4() -> u32;

    /// Sets whether members on this machine receive datagrams sent to an IPv6 group.
    ///
    /// # Errors
    /// The system's error.
    fn set_multicast_loop_v6(multicast_loop_v6: bool) -> ();

    /// Whether members on this machine receive datagrams sent to an IPv6 group.
    ///
    /// # Errors
    /// The system's error.
    fn multicast_loop_v6() -> bool;

    /// Sets the time to live of datagrams sent to a single address.
    ///
    /// # Errors
    /// The system's error.
    fn set_ttl(ttl: u32) -> ();

    /// The time to live of datagrams sent to a single address.
    ///
    /// # Errors
    /// The system's error.
    fn ttl() -> u32;

    /// Joins an IPv4 group on the interface that has this address; `0.0.0.0` lets the system choose.
    ///
    /// # Errors
    /// The system's error.
    fn join_multicast_v4(multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> ();

    /// Joins an IPv6 group on the interface of this index; 0 lets the system choose.
    ///
    /// # Errors
    /// The system's error.
    fn join_multicast_v6(multiaddr: &Ipv6Addr, interface: u32) -> ();

    /// Leaves an IPv4 group.
    ///
    /// # Errors
    /// The system's error.
    fn leave_multicast_v4(multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> ();

    /// Leaves an IPv6 group.
    ///
    /// # Errors
    /// The system's error.
    fn leave_multicast_v6(multiaddr: &Ipv6Addr, interface: u32) -> ();
}
