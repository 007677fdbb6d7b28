//! Where to: names and addresses, as std takes them, resolved without holding up the loop.

use std::io;
use std::iter::Cloned;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::{option, slice, vec};

use crate::runtime::threads::blocking::off_loop;
use crate::runtime::threads::pool::AtClose;

/// What addresses can be had from: std's trait of this name, for the same types, with one
/// difference. Where std's looks a host's name up on the spot, and the thread with all of its
/// tasks stands still meanwhile, this one has a thread of the loop's pool look it up while the
/// task is parked. A host that is a number needs no thread and never suspends.
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
/// A type of your own that implements std's trait needs an implementation of this one, too. If
/// all it does is compute, it can hand over what std's method answers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say to which socket addresses it leads",
    note = "selvedge has a trait of its own in place of `std::net::ToSocketAddrs`, so that looking \
            up a name does not block the event loop; implement `selvedge::net::ToSocketAddrs`"
)]
pub trait ToSocketAddrs {
    /// The addresses, in the order in which to try them.
    type Iter: Iterator<Item = SocketAddr>;

    /// May suspend. The addresses that this leads to.
    ///
    /// # Errors
    /// `InvalidInput` for a string that is not a host and a port; what the system's resolver
    /// says of a name that it does not find.
    ///
    /// # Cancellation
    /// The lookup goes on on its thread, and its answer is dropped.
    fn to_socket_addrs(&self) -> io::Result<Self::Iter>;
}

/// Implements the trait for types that are one address.
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
        let invalid = |what| io::Error::new(io::ErrorKind::InvalidInput, what);
        let (host, port) = self
            .rsplit_once(':')
            .ok_or_else(|| invalid("invalid socket address"))?;
        let port = port.parse().map_err(|_| invalid("invalid port value"))?;
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

/// May suspend. Asks the system's resolver, which takes as long as it takes, on another thread:
/// the one that knows hosts files, mDNS and whatever else this machine is set up to ask.
fn look_up(host: &str, port: u16) -> io::Result<vec::IntoIter<SocketAddr>> {
    let host = host.to_owned();
    off_loop(AtClose::LeftBehind, move || {
        std::net::ToSocketAddrs::to_socket_addrs(&(host, port))
    })?
}

/// May suspend. Tries one address after the other until one works; the last error, if none
/// does.
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
    Err(last_error.unwrap_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "could not resolve to any addresses",
        )
    }))
}
