//! [`ToSocketAddrs`]: names and addresses in the forms that std takes, resolved without blocking the loop.

use std::io;
use std::iter::Cloned;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::sync::Arc;
use std::{option, slice, vec};

use socket2::SockAddr;

use crate::runtime::threads::{JobKind, Label, off_loop};
use crate::util::io_error::invalid_input;

/// A value that resolves to socket addresses: std's trait of this name, for the same types, with one
/// difference. std's looks up a host's name in place, which blocks the thread and all of its tasks. This
/// one parks the task while a thread of the loop's pool does the lookup. A numeric host needs no lookup
/// and never suspends.
///
/// ```
/// use selvedge::net::{SocketAddr, ToSocketAddrs};
///
/// let expected: SocketAddr = ([127, 0, 0, 1], 8080).into();
/// assert_eq!("127.0.0.1:8080".to_socket_addrs()?.next(), Some(expected));
/// assert_eq!(("127.0.0.1", 8080).to_socket_addrs()?.next(), Some(expected));
///
/// // No port.
/// assert!("127.0.0.1".to_socket_addrs().is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// A type of your own that implements std's trait needs an implementation of this one, too. If std's
/// method does no lookup, the implementation can call that method.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be resolved to socket addresses",
    note = "selvedge has its own trait instead of `std::net::ToSocketAddrs`, so that looking up a \
            name does not block the event loop; implement `selvedge::net::ToSocketAddrs`"
)]
pub trait ToSocketAddrs {
    /// The iterator over the addresses, in the order in which to try them.
    type Iter: Iterator<Item = SocketAddr>;

    /// May suspend. Resolves this value to addresses.
    ///
    /// # Errors
    /// `InvalidInput` for a string that is not a host and a port; the error of the system's resolver for
    /// a name that it does not find.
    ///
    /// # Cancellation
    /// The lookup continues on its thread, and its result is dropped.
    fn to_socket_addrs(&self) -> io::Result<Self::Iter>;
}

/// Implements the trait for types that convert to one address.
macro_rules! single {
    ($($type:ty),*) => {$(
        impl ToSocketAddrs for $type {
            type Iter = option::IntoIter<SocketAddr>;

            fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
                Ok(Some(SocketAddr::from(*self)).into_iter())
            }
        }
    )*};
}

single!(
    SocketAddr,
    SocketAddrV4,
    SocketAddrV6,
    (IpAddr, u16),
    (Ipv4Addr, u16),
    (Ipv6Addr, u16)
);

impl ToSocketAddrs for (&str, u16) {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        let (host, port) = *self;
        match host.parse::<IpAddr>() {
            Ok(ip) => Ok(vec![SocketAddr::new(ip, port)].into_iter()),
            Err(_) => look_up(host, port),
        }
    }
}

impl ToSocketAddrs for (String, u16) {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        (self.0.as_str(), self.1).to_socket_addrs()
    }
}

impl ToSocketAddrs for str {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        if let Ok(address) = self.parse() {
            return Ok(vec![address].into_iter());
        }
        let (host, port) = self
            .rsplit_once(':')
            .ok_or_else(|| invalid_input("invalid socket address"))?;
        let no_port = |_| invalid_input("invalid port value");
        let port = port.parse().map_err(no_port)?;
        look_up(host, port)
    }
}

impl ToSocketAddrs for String {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        self.as_str().to_socket_addrs()
    }
}

impl<'a> ToSocketAddrs for &'a [SocketAddr] {
    type Iter = Cloned<slice::Iter<'a, SocketAddr>>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        Ok(self.iter().cloned())
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {
    type Iter = T::Iter;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        (**self).to_socket_addrs()
    }
}

/// May suspend. Calls the system's resolver on another thread, because the call blocks. It reads hosts
/// files and uses mDNS and all other sources that this machine is configured for.
fn look_up(host: &str, port: u16) -> io::Result<vec::IntoIter<SocketAddr>> {
    let host = Arc::<str>::from(host);
    let kind = JobKind::network(Label::Host(Arc::clone(&host)));
    off_loop(kind, move || {
        std::net::ToSocketAddrs::to_socket_addrs(&(&*host, port))
    })?
}

/// May suspend. Tries the addresses in order until one succeeds; returns the last error if none does.
pub(super) fn each_address<A: ToSocketAddrs, T>(
    addr: A,
    mut attempt: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut last_error = None;
    for address in addr.to_socket_addrs()? {
        match attempt(address) {
            Ok(value) => return Ok(value),
            Err(error) => last_error = Some(error),
        }
    }
    Err(last_error.unwrap_or_else(no_address))
}

/// The error for a name or a list without addresses.
pub(super) fn no_address() -> io::Error {
    invalid_input("could not resolve to any addresses")
}

/// The system's form of an address as std's type.
pub(super) fn from_system(address: &SockAddr) -> io::Result<SocketAddr> {
    address
        .as_socket()
        .ok_or_else(|| invalid_input("the peer's address is not an IPv4 or IPv6 address"))
}
