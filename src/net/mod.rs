//! Sockets: std's names, signatures and behaviour, waiting in the event loop.
//!
//! A program that says `use selvedge::net` in place of `use std::net` (and `net::unix` in place
//! of `std::os::unix::net`) keeps its text. What changes is who waits: in a task, an operation
//! that has to wait parks the task, and the thread's other tasks go on. On a thread without an
//! event loop the same call blocks the thread, as std's does.
//!
//! ```
//! use selvedge::net::{TcpListener, TcpStream};
//! use std::io::{Read, Write};
//!
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let mut client = TcpStream::connect(listener.local_addr()?)?;
//! let (mut server, _) = listener.accept()?;
//!
//! client.write_all(b"warp and weft")?;
//! drop(client);
//! let mut text = String::new();
//! server.read_to_string(&mut text)?;
//! assert_eq!(text, "warp and weft");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # What may suspend
//!
//! Accepting, connecting, reading and receiving, writing and sending, and looking up the name
//! of a host: what begins with "May suspend" in its documentation. Each tries first, and waits
//! only if it would block. Nothing else here waits, dropping a socket included.
//!
//! # Differences to std
//!
//! - A read or write that waits for longer than the socket's timeout answers
//!   [`TimedOut`](std::io::ErrorKind::TimedOut), where std answers `WouldBlock` on Unix, which
//!   can't be told from a socket that does not block. Timeouts are not rounded to microseconds.
//! - Names of hosts are resolved by [`ToSocketAddrs`], a trait of this module's own.
//! - Reading into an empty buffer answers 0 and never waits.
//! - `UnixStream::peek`, `UnixDatagram::peek` and `peek_from`, which std has on nightly only.
//!
//! # Sharing
//!
//! Every socket is `Send`, `Sync` and `'static`, and every operation takes `&self`: a task may
//! read while another writes to the same socket, and several that wait for the same are served
//! in the order in which they came. The first event loop that waits for a socket keeps it, until
//! it is dropped or given away; in the loop of another thread, use a clone made by `try_clone`.
//!
//! # Cancellation
//!
//! A cancel arrives while an operation waits, so at a moment at which it has transferred
//! nothing: no byte, datagram or connection is lost, and the socket can be used again. What is
//! made of several operations (`read_exact`, `write_all`) may have done some of them.
//!
//! # Descriptors
//!
//! They are closed on exec and do not block, as long as they are here. Transfers do not depend
//! on that: somebody who shares the open file description (a clone that was given to std, a
//! child process) may switch it back. `into_std` and `into_raw_fd` end the registration with
//! the loop, and give the socket back as std has it.
//!
//! For options that std does not have, there is the crate `socket2`, by its `SockRef`.

mod address;
mod connect;
mod handles;
mod inner;
mod streams;
mod tcp_listener;
mod tcp_stream;
mod timeouts;
mod udp;
pub mod unix;

pub use address::ToSocketAddrs;
pub use std::net::{
    AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6,
};
pub use tcp_listener::{Incoming, TcpListener};
pub use tcp_stream::TcpStream;
pub use udp::UdpSocket;
pub use unix::{UnixDatagram, UnixListener, UnixStream};

/// Libraries demand as much of what they take for a socket.
const _: () = {
    const fn assert_shared<T: Send + Sync + Unpin + 'static>() {}
    assert_shared::<TcpListener>();
    assert_shared::<TcpStream>();
    assert_shared::<UdpSocket>();
    assert_shared::<UnixListener>();
    assert_shared::<UnixStream>();
    assert_shared::<UnixDatagram>();
};
