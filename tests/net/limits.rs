//! Tests that need a process of their own: the limit of open files, and signals.

use std::io::{ErrorKind, Read, Write};

use selvedge::net::unix::UnixStream;
use selvedge::net::{TcpListener, TcpStream};

use crate::sockets::{assert_kind, listener, reset, tcp_pair};
use crate::support::child::run;

pub const SCENARIOS: &[(&str, fn())] = &[
    (
        "accept_without_descriptors",
        accept_without_descriptors as fn(),
    ),
    ("write_to_the_dead", write_to_the_dead),
];

/// Sets the limit of open descriptors of this process, or the highest that it may set; returns the
/// limit.
pub fn limit_descriptors(n: libc::rlim_t) -> libc::rlim_t {
    // SAFETY: all zeros is a limit, and the calls read and write only this one.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
        limit.rlim_cur = n;
        // A process that may raise the hard limit does.
        let hard = limit.rlim_max;
        limit.rlim_max = hard.max(n);
        if libc::setrlimit(libc::RLIMIT_NOFILE, &limit) != 0 {
            (limit.rlim_cur, limit.rlim_max) = (n.min(hard), hard);
            assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
        }
        limit.rlim_cur
    }
}

#[test]
fn a_listener_survives_the_limit_of_open_files() {
    run("accept_without_descriptors").assert_exited(0);
}

fn accept_without_descriptors() {
    let listener = listener();
    let address = listener.local_addr().unwrap();
    let mut clients = [(); 3].map(|()| TcpStream::connect(address).unwrap());
    // All descriptors below the limit are taken.
    limit_descriptors(64);
    let mut hoard = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        hoard.push(file);
    }
    for _ in 0..3 {
        let error = listener.accept().expect_err("no descriptor is left");
        assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
    }
    let error = TcpStream::connect(address).expect_err("no descriptor is left");
    assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
    assert!(UnixStream::pair().is_err() && TcpListener::bind("127.0.0.1:0").is_err());
    let error = clients[0].try_clone().expect_err("no descriptor is left");
    assert_eq!(error.raw_os_error(), Some(libc::EMFILE));

    hoard.clear();
    for client in &mut clients {
        let (mut stream, peer) = listener.accept().unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        stream.write_all(b"welcome").unwrap();
        drop(stream);
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        assert_eq!(text, "welcome");
    }
}

#[test]
fn writing_to_a_closed_peer_raises_no_signal() {
    run("write_to_the_dead").assert_exited(0);
}

fn write_to_the_dead() {
    // SAFETY: no handler is involved, only the default action, which ends the process. Rust's
    // startup code has the signal ignored.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let (a, mut b) = tcp_pair();
    reset(a);
    assert_kind(b.read(&mut [0; 8]), ErrorKind::ConnectionReset);
    assert_kind(b.write(b"hello?"), ErrorKind::BrokenPipe);
    assert_kind(
        b.write_vectored(&[std::io::IoSlice::new(b"hello?")]),
        ErrorKind::BrokenPipe,
    );
    let (mut a, b) = UnixStream::pair().unwrap();
    drop(b);
    assert_kind(a.write(b"hello?"), ErrorKind::BrokenPipe);
}
