//! Unix sockets: addressed by paths and abstract names, connected and unconnected, full and closed.

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::sync::mpsc::channel;

use selvedge::net::Shutdown;
use selvedge::net::unix::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::sockets::{Path, assert_kind, beside, fill, fill_path};

#[test]
fn a_listener_is_found_by_its_path() {
    let path = Path::new();
    let listener = UnixListener::bind(&path).unwrap();
    let address = listener.local_addr().unwrap();
    assert_eq!(address.as_pathname(), Some(path.as_ref()));
    let mut client = UnixStream::connect(&path).unwrap();
    let (mut server, from) = listener.accept().unwrap();
    assert!(from.is_unnamed());
    assert!(client.local_addr().unwrap().is_unnamed());
    assert_eq!(
        client.peer_addr().unwrap().as_pathname(),
        Some(path.as_ref())
    );

    let buffers = [IoSlice::new(b"wa"), IoSlice::new(b"rp")];
    assert_eq!(client.write_vectored(&buffers).unwrap(), 4);
    let mut bytes = [0; 8];
    assert_eq!(server.peek(&mut bytes).unwrap(), 4);
    let (first, second) = bytes.split_at_mut(3);
    let mut buffers = [IoSliceMut::new(first), IoSliceMut::new(second)];
    assert_eq!(server.read_vectored(&mut buffers).unwrap(), 4);
    assert_eq!(&bytes[..4], b"warp");
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(server.read(&mut bytes).unwrap(), 0);
    drop(client);
    assert_kind(server.write(b"more"), ErrorKind::BrokenPipe);
}

#[test]
fn connections_are_accepted_one_after_the_other() {
    let path = Path::new();
    let listener = UnixListener::bind(&path).unwrap();
    let clients: Vec<UnixStream> = (0..3)
        .map(|_| UnixStream::connect(&path).unwrap())
        .collect();
    for (mut client, server) in clients.iter().zip(&listener) {
        client.write_all(b"x").unwrap();
        assert_eq!(server.unwrap().read(&mut [0; 2]).unwrap(), 1);
    }
    listener.set_nonblocking(true).unwrap();
    assert_kind(listener.accept(), ErrorKind::WouldBlock);
}

#[test]
fn a_missing_path_is_an_error() {
    let path = Path::new();
    assert_kind(UnixStream::connect(&path), ErrorKind::NotFound);
    drop(UnixListener::bind(&path).unwrap());
    assert_kind(UnixStream::connect(&path), ErrorKind::ConnectionRefused);
    assert_kind(UnixListener::bind(&path), ErrorKind::AddrInUse);
    assert_kind(UnixDatagram::bind(&path), ErrorKind::AddrInUse);
}

#[test]
fn an_impossible_path_is_invalid() {
    let long = "x".repeat(200);
    for path in [long.as_str(), "a\0b", "\0abstract"] {
        assert_kind(UnixStream::connect(path), ErrorKind::InvalidInput);
        assert_kind(UnixListener::bind(path), ErrorKind::InvalidInput);
        let socket = UnixDatagram::unbound().unwrap();
        assert_kind(socket.send_to(b"", path), ErrorKind::InvalidInput);
        assert_kind(socket.connect(path), ErrorKind::InvalidInput);
    }
    assert!(UnixStream::connect("").is_err());
}

#[cfg(target_os = "linux")]
#[test]
fn abstract_names_need_no_file() {
    use std::os::linux::net::SocketAddrExt;

    let name = format!("selvedge-{}-names", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let listener = UnixListener::bind_addr(&address).unwrap();
    assert_eq!(
        listener.local_addr().unwrap().as_abstract_name(),
        Some(name.as_bytes())
    );
    let mut client = UnixStream::connect_addr(&address).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    client.write_all(b"x").unwrap();
    assert_eq!(server.read(&mut [0; 2]).unwrap(), 1);

    let name = format!("selvedge-{}-datagrams", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let a = UnixDatagram::bind_addr(&address).unwrap();
    let path = Path::new();
    let b = UnixDatagram::bind(&path).unwrap();
    a.send_to(b"from a name", &path).unwrap();
    let (n, from) = b.recv_from(&mut [0; 64]).unwrap();
    assert_eq!((n, from.as_abstract_name()), (11, Some(name.as_bytes())));
    assert_eq!(b.send_to_addr(b"back", &from).unwrap(), 4);
    b.connect_addr(&address).unwrap();
    assert_eq!(b.send(b"again").unwrap(), 5);
    let (n, from) = a.recv_from(&mut [0; 64]).unwrap();
    assert_eq!((n, from.as_pathname()), (4, Some(path.as_ref())));
    assert_eq!(a.recv(&mut [0; 64]).unwrap(), 5);
}

#[test]
fn datagrams_come_with_the_path_of_their_sender_or_none() {
    let (here, there) = (Path::new(), Path::new());
    let receiver = UnixDatagram::bind(&here).unwrap();
    let named = UnixDatagram::bind(&there).unwrap();
    named.send_to(b"named", &here).unwrap();
    let unnamed = UnixDatagram::unbound().unwrap();
    assert!(unnamed.local_addr().unwrap().is_unnamed());
    unnamed.send_to(b"unnamed", &here).unwrap();

    let mut bytes = [0; 5];
    let (n, from) = receiver.peek_from(&mut bytes).unwrap();
    assert_eq!((n, from.as_pathname()), (5, Some(there.as_ref())));
    let (n, from) = receiver.recv_from(&mut bytes).unwrap();
    assert_eq!((n, from.as_pathname()), (5, Some(there.as_ref())));
    assert_eq!(&bytes, b"named");
    // Too long for the buffer: cut off.
    assert_eq!(receiver.peek(&mut bytes).unwrap(), 5);
    let (n, from) = receiver.recv_from(&mut bytes).unwrap();
    assert_eq!((n, from.is_unnamed()), (5, true));
    assert_eq!(&bytes, b"unnam");
}

/// Linux lets a program bind a path that fills its field to the last byte, which std can't write.
#[cfg(target_os = "linux")]
#[test]
fn a_peer_with_a_path_longer_than_stds_is_served_as_well() {
    let folder = std::env::temp_dir();
    let mut path = format!("{}/{}-", folder.display(), std::process::id());
    path.push_str(&"x".repeat(107 - path.len()));
    let here = Path::new();
    let receiver = UnixDatagram::bind(&here).unwrap();
    let sender = Socket::new(Domain::UNIX, Type::DGRAM, None).unwrap();
    // std's longest path is one byte below the limit.
    for (path, is_named) in [(path.clone(), true), (path + "y", false)] {
        let _ = std::fs::remove_file(&path);
        let sender = if is_named {
            UnixDatagram::bind(&path).unwrap()
        } else {
            bind_to_the_last_byte(&sender, &path);
            UnixDatagram::from(std::os::fd::OwnedFd::from(sender.try_clone().unwrap()))
        };
        assert_eq!(sender.send_to(b"x", &here).unwrap(), 1);
        let (n, from) = receiver.recv_from(&mut [0; 8]).unwrap();
        assert_eq!((n, from.as_pathname().is_some()), (1, is_named));
        let _ = std::fs::remove_file(&path);
    }
}

#[cfg(target_os = "linux")]
fn bind_to_the_last_byte(socket: &Socket, path: &str) {
    use std::os::fd::AsRawFd;
    assert_eq!(path.len(), 108);
    // SAFETY: all zeros is an address of no family.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    for (to, from) in address.sun_path.iter_mut().zip(path.bytes()) {
        *to = from as libc::c_char;
    }
    let length = size_of::<libc::sockaddr_un>() as libc::socklen_t;
    // SAFETY: the address is on this stack, and of this length.
    let bound = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
    assert_eq!(bound, 0, "{}", std::io::Error::last_os_error());
}

#[test]
fn a_pair_of_datagram_sockets_is_connected() {
    let (a, b) = UnixDatagram::pair().unwrap();
    assert_eq!(a.send(b"hello").unwrap(), 5);
    assert_eq!(a.send(b"").unwrap(), 0);
    let mut bytes = [0; 8];
    assert_eq!(b.recv(&mut bytes).unwrap(), 5);
    assert_eq!(b.recv(&mut bytes).unwrap(), 0);
    b.set_nonblocking(true).unwrap();
    assert_kind(b.recv(&mut bytes), ErrorKind::WouldBlock);
    drop(b);
    assert!(a.send(b"gone").is_err());
}

#[test]
fn a_sender_without_a_connection_waits_for_room_as_well() {
    let path = Path::new();
    let receiver = UnixDatagram::bind(&path).unwrap();
    let sender = UnixDatagram::unbound().unwrap();
    let n_filled = fill_path(&sender, &path);
    let (begun, has_begun) = channel();
    let sender = beside({
        let to = path.as_ref().to_owned();
        move || {
            begun.send(()).unwrap();
            for n in 0..100u8 {
                assert_eq!(sender.send_to(&[n], &to).unwrap(), 1);
            }
        }
    });
    has_begun.recv().unwrap();
    let mut bytes = [0; 8];
    for _ in 0..n_filled {
        assert_eq!(receiver.recv(&mut bytes).unwrap(), 4);
    }
    for n in 0..100u8 {
        assert_eq!(receiver.recv(&mut bytes).unwrap(), 1);
        assert_eq!(bytes[0], n);
    }
    sender.join().unwrap();
}

#[test]
fn a_waiting_sender_errs_when_the_receiver_closes() {
    let path = Path::new();
    let receiver = UnixDatagram::bind(&path).unwrap();
    let sender = UnixDatagram::unbound().unwrap();
    fill_path(&sender, &path);
    let (begun, has_begun) = channel();
    let sender = beside({
        let to = path.as_ref().to_owned();
        move || {
            begun.send(()).unwrap();
            sender.send_to(b"more", &to)
        }
    });
    has_begun.recv().unwrap();
    drop(receiver);
    assert_kind(sender.join().unwrap(), ErrorKind::ConnectionRefused);
}

#[test]
fn a_connect_waits_for_room_in_the_listeners_queue() {
    let path = Path::new();
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    socket.bind(&SockAddr::unix(&path).unwrap()).unwrap();
    socket.listen(0).unwrap();
    let listener = UnixListener::from(std::os::fd::OwnedFd::from(socket));

    const N_CLIENTS: usize = 8;
    let clients: Vec<_> = (0..N_CLIENTS)
        .map(|_| {
            let path = path.as_ref().to_owned();
            beside(move || {
                let mut stream = UnixStream::connect(&path).unwrap();
                assert_eq!(stream.write_timeout().unwrap(), None);
                let mut text = String::new();
                stream.read_to_string(&mut text).unwrap();
                text
            })
        })
        .collect();
    for _ in 0..N_CLIENTS {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"welcome").unwrap();
    }
    for client in clients {
        assert_eq!(client.join().unwrap(), "welcome");
    }
}

#[test]
fn a_stream_that_is_full_waits_for_its_reader() {
    let (a, mut b) = UnixStream::pair().unwrap();
    a.set_nonblocking(true).unwrap();
    let mut n_sent = 0;
    fill(|| {
        let n = (&a).write(&[0; 10_000])?;
        n_sent += n;
        Ok(n)
    });
    a.set_nonblocking(false).unwrap();
    let writer = beside(move || (&a).write_all(&[1; 10_000]).unwrap());
    let mut received = Vec::new();
    b.read_to_end(&mut received).unwrap();
    writer.join().unwrap();
    assert_eq!(received.len(), n_sent + 10_000);
}
