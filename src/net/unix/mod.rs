//! Unix sockets, which connect programs on this machine by a path, or by a name in Linux's abstract
//! namespace: `std::os::unix::net`, waiting in the event loop.

pub(super) mod address;
mod datagram;
mod listener;
mod stream;

pub use datagram::UnixDatagram;
pub use listener::{Incoming, UnixListener};
pub use std::os::unix::net::SocketAddr;
pub use stream::UnixStream;
