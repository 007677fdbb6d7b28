//! The socket types: shareable, printable, convertible to descriptors.

use std::fmt::Debug;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::sync::Arc;
use std::thread;

use selvedge::net::unix::{UnixDatagram, UnixListener, UnixStream};
use selvedge::net::{Incoming, TcpListener, TcpStream, UdpSocket, unix};

use crate::sockets::{listener, tcp_pair};

fn is_shareable<T: Send + Sync + Debug + 'static>() {}
fn is_descriptor<T: AsFd + AsRawFd + IntoRawFd + FromRawFd + From<OwnedFd> + Into<OwnedFd>>() {}
fn is_stream<T: Read + Write>()
where
    for<'a> &'a T: Read + Write,
{
}
fn is_iterator<T: Iterator>() {}

#[test]
fn every_socket_has_the_traits_that_libraries_need() {
    macro_rules! each {
        ($($type:ty)*) => {$(
            is_shareable::<$type>();
            is_descriptor::<$type>();
        )*};
    }
    each! { TcpListener TcpStream UdpSocket UnixListener UnixStream UnixDatagram }
    is_stream::<TcpStream>();
    is_stream::<UnixStream>();
    is_iterator::<Incoming>();
    is_iterator::<unix::Incoming>();
}

#[test]
fn a_socket_prints_as_stds_does() {
    let (a, _b) = tcp_pair();
    let ours = format!("{a:?}");
    assert_eq!(ours, format!("{:?}", a.into_std()));
    let listener = listener();
    assert!(format!("{:?}", listener.incoming()).contains("TcpListener"));
}

#[test]
fn threads_share_a_socket() {
    let (a, mut b) = tcp_pair();
    let a = Arc::new(a);
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let a = Arc::clone(&a);
            thread::spawn(move || (&*a).write_all(&[7; 1000]).unwrap())
        })
        .collect();
    writers
        .into_iter()
        .for_each(|writer| writer.join().unwrap());
    drop(a);
    let mut received = Vec::new();
    b.read_to_end(&mut received).unwrap();
    assert_eq!(received, [7; 4000]);
}

#[test]
fn a_socket_converts_from_and_into_a_descriptor() {
    let (a, mut b) = tcp_pair();
    let fd = a.as_raw_fd();
    assert_eq!(a.as_fd().as_raw_fd(), fd);
    let raw = a.into_raw_fd();
    assert_eq!(raw, fd);
    // SAFETY: into_raw_fd gave it to us.
    let a = unsafe { TcpStream::from_raw_fd(raw) };
    let a = OwnedFd::from(a);
    let mut a = TcpStream::from(a);
    a.write_all(b"x").unwrap();
    assert_eq!(b.read(&mut [0; 2]).unwrap(), 1);
}

/// Those that were made elsewhere keep their mode, which other owners may rely on.
#[test]
fn new_descriptors_are_nonblocking_and_close_on_exec() {
    let (a, b) = tcp_pair();
    let listener = listener();
    let path = crate::sockets::Path::new();
    let unix_listener = UnixListener::bind(&path).unwrap();
    let unix_client = UnixStream::connect(&path).unwrap();
    let (unix_server, _) = unix_listener.accept().unwrap();
    let (pair, _other) = UnixDatagram::pair().unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let clone = a.try_clone().unwrap();
    for fd in [
        a.as_raw_fd(),
        b.as_raw_fd(),
        listener.as_raw_fd(),
        unix_listener.as_raw_fd(),
        unix_client.as_raw_fd(),
        unix_server.as_raw_fd(),
        pair.as_raw_fd(),
        udp.as_raw_fd(),
        clone.as_raw_fd(),
    ] {
        // SAFETY: both only ask for flags of a descriptor.
        unsafe {
            assert_ne!(libc::fcntl(fd, libc::F_GETFL) & libc::O_NONBLOCK, 0);
            assert_ne!(libc::fcntl(fd, libc::F_GETFD) & libc::FD_CLOEXEC, 0);
        }
    }
}

/// Conversion from any descriptor is safe: each use of one that is no socket is an error.
#[test]
fn a_descriptor_that_is_no_socket_gives_errors() {
    let file = std::fs::File::open("/dev/null").unwrap();
    let mut stream = TcpStream::from(OwnedFd::from(file));
    assert!(stream.read(&mut [0; 1]).is_err());
    assert!(stream.write(b"x").is_err());
    assert!(stream.peer_addr().is_err());
    let _ = OwnedFd::from(stream);
}
