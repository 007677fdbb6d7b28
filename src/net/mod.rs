//! Sockets: std's names, signatures and behaviour, waiting in the event loop.
//!
//! A program that imports `selvedge::net` instead of `std::net` (and `net::unix` instead of
//! `std::os::unix::net`) needs no other change. In a task, an operation that has to wait parks the task,
//! and the thread's other tasks continue. On a thread without an event loop the same call blocks the
//! thread, as std's does.
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
//! Accepting, connecting, reading and receiving, writing and sending, and looking up a host's name: every
//! function whose documentation begins with "May suspend". Each tries first, and waits only if the
//! attempt would block. Nothing else here waits, dropping a socket included.
//!
//! # Differences from std
//!
//! - A read or write that exceeds the socket's timeout fails with
//!   [`TimedOut`](std::io::ErrorKind::TimedOut). std's fails with `WouldBlock` on Unix, the error of a
//!   nonblocking socket. Timeouts are not rounded to microseconds.
//! - Host names are resolved by [`ToSocketAddrs`], a trait of this module.
//! - Reading from a stream into an empty buffer returns 0 and never waits.
//! - `UnixStream::peek`, `UnixDatagram::peek` and `peek_from`, which std has on nightly only.
//!
//! # Sharing
//!
//! Every socket is `Send`, `Sync` and `'static`, and every operation takes `&self`: one task may read
//! while another writes to the same socket, and several tasks that wait for the same direction are served
//! in the order in which they came. The first event loop that waits for a socket owns it until the socket
//! is dropped or given away; for the loop of another thread, make a clone with `try_clone`.
//!
//! # Cancellation
//!
//! A cancel arrives while an operation waits, when it has transferred nothing: no byte, datagram or
//! connection is lost, and the socket remains usable. A method that consists of several operations
//! (`read_exact`, `write_all`) may have completed some of them.
//!
//! # Descriptors
//!
//! Descriptors are closed on exec. New sockets are nonblocking. A socket that other code has created keeps its
//! mode, which belongs to the open file description and so to all owners (a clone that std uses, a child
//! process). No operation depends on the mode. A listener becomes nonblocking when it accepts. `into_std` and
//! `into_raw_fd` end the registration with the loop, and return the socket in std's form.
//!
//! A descriptor may be in several wrappers, as in [`Pollable::new(&stream)`](crate::io::Pollable) for calls like
//! `sendfile`: on one loop they share the registration. A `shutdown` wakes the tasks of this loop that wait through any of
//! them, and the tasks of every loop that wait through a clone of `try_clone`. A `shutdown` by other code (`SockRef`,
//! another process), or through a wrapper on another loop, also wakes them, with one exception: Linux does not report it
//! to a task that waits to write to a Unix socket.
//!
//! Dropping a socket does not wait, even if `SO_LINGER` is set: then a separate thread waits in the system's
//! `close`. If eight threads already wait in `close`, no thread waits for this socket.
//!
//! For options that std does not have, use `SockRef` of the crate `socket2`.

mod address;
mod attempts;
mod connect;
mod datagrams;
mod handles;
mod incoming;
pub(crate) mod linger;
mod settings;
mod socket;
mod std_methods;
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
