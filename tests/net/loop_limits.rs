//! Many connections, and the behaviour at the limit of open files.

use std::io::{Read, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

use selvedge::net::unix::UnixListener;
use selvedge::net::{Shutdown, TcpStream};
use selvedge::{EventLoop, run, sleep, spawn, yield_now};

use crate::limits::limit_descriptors;
use crate::loop_support::{Log, begun, counter};
use crate::sockets::{Full, Path, listener};
use crate::support::child::run as run_child;

pub const SCENARIOS: &[(&str, fn())] = &[
    ("loop_many_connections", many_connections as fn()),
    ("loop_without_descriptors", without_descriptors),
    ("loop_cancelled_connect", cancelled_connect),
    ("loop_incoming_rests", incoming_rests),
    (
        "loop_attempt_without_descriptors",
        attempt_without_descriptors,
    ),
];

#[test]
fn ten_thousand_connections_share_a_loop() {
    run_child("loop_many_connections").assert_exited(0);
}

fn many_connections() {
    // As many as the limit allows; each connection has both ends here. The kqueue shim checks all
    // of its descriptors at each call.
    let n_wanted = if cfg!(selvedge_poller = "kqueue") {
        1_100
    } else {
        20_100
    };
    let n_descriptors = limit_descriptors(n_wanted);
    let n_connections = (n_descriptors as usize - 100) / 2;
    run(|| {
        let listener = listener();
        let address = listener.local_addr().unwrap();
        let server = spawn(move || {
            for _ in 0..n_connections {
                let (stream, _) = listener.accept().unwrap();
                // The server waits for a request, most of the time.
                drop(spawn(move || {
                    let mut bytes = [0; 4];
                    (&stream).read_exact(&mut bytes).unwrap();
                    let answer = u32::from_be_bytes(bytes) + 1;
                    (&stream).write_all(&answer.to_be_bytes()).unwrap();
                }));
            }
        });
        let clients: Vec<TcpStream> = (0..n_connections)
            .map(|n| {
                // No more at once than the listener's queue holds.
                if n % 32 == 0 {
                    yield_now();
                    yield_now();
                }
                TcpStream::connect(address).unwrap()
            })
            .collect();
        server.join().unwrap();
        for (n, client) in (0u32..).zip(&clients) {
            (&*client).write_all(&n.to_be_bytes()).unwrap();
        }
        for (n, client) in (0u32..).zip(&clients) {
            let mut bytes = [0; 4];
            (&*client).read_exact(&mut bytes).unwrap();
            assert_eq!(u32::from_be_bytes(bytes), n + 1);
        }
    });
}

#[test]
fn a_loop_survives_the_limit_of_open_files() {
    run_child("loop_without_descriptors").assert_exited(0);
}

fn without_descriptors() {
    run(|| {
        let listener = Rc::new(listener());
        let address = listener.local_addr().unwrap();
        let (counter, turns) = counter();
        let errors = Log::new();
        let accepted = Log::new();
        let acceptor = begun({
            let (listener, errors, accepted) =
                (Rc::clone(&listener), errors.clone(), accepted.clone());
            move || {
                while accepted.len() < 3 {
                    match listener.accept() {
                        Ok((stream, _)) => accepted.push(stream),
                        Err(error) => {
                            errors.push(error.raw_os_error());
                            yield_now();
                        }
                    }
                }
            }
        });
        limit_descriptors(64);
        // The acceptor can't run before every descriptor is taken: std's sockets never suspend.
        let clients = [(); 3].map(|()| std::net::TcpStream::connect(address).unwrap());
        let mut hoard = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            hoard.push(file);
        }
        while errors.len() < 3 {
            yield_now();
        }
        assert!(errors.take().iter().all(|code| *code == Some(libc::EMFILE)));
        assert!(turns.get() > 0 && accepted.len() < 3);
        drop(hoard);
        acceptor.join().unwrap();
        for (client, server) in clients.iter().zip(accepted.take()) {
            assert_eq!(server.peer_addr().unwrap(), client.local_addr().unwrap());
        }
        counter.cancel();
    });
}

#[test]
fn a_cancelled_connect_closes_its_socket() {
    run_child("loop_cancelled_connect").assert_exited(0);
}

fn cancelled_connect() {
    let full = Full::new();
    let address = full.address();
    EventLoop::builder().virtual_clock(true).run(|| {
        let give_up = || {
            for n_addresses in [1, 3] {
                let addresses = vec![address; n_addresses];
                let connector = begun(move || TcpStream::connect(&addresses[..]));
                // With several addresses, two attempts have begun.
                sleep(Duration::from_millis(300));
                assert!(!connector.is_done());
                connector.cancel();
                let result = connector.join();
                assert!(result.is_err_and(|error| error.is_cancelled()));
            }
        };
        // The loop opens its own descriptors before this point.
        give_up();
        let before = n_open();
        for _ in 0..3 {
            give_up();
        }
        assert_eq!(n_open(), before);
        // The attempts that lose are closed as well.
        let good = listener();
        let addresses = [address, good.local_addr().unwrap()];
        drop(TcpStream::connect(&addresses[..]).unwrap());
        drop(good);
        assert_eq!(n_open(), before);
    });
}

#[test]
fn an_attempt_goes_on_when_the_next_gets_no_descriptor() {
    run_child("loop_attempt_without_descriptors").assert_exited(0);
}

fn attempt_without_descriptors() {
    let (full, good) = (Full::new(), listener());
    let addresses = [full.address(), good.local_addr().unwrap()];
    EventLoop::builder().virtual_clock(true).run(|| {
        let begin = || begun(move || TcpStream::connect(&addresses[..]));
        let n_opened = || {
            let before = n_open();
            let connector = begin();
            let n_opened = n_open() - before;
            connector.cancel();
            assert!(connector.join().is_err_and(|error| error.is_cancelled()));
            n_opened
        };
        // The first one, because the loop opens its own descriptors then.
        n_opened();
        let n_needed = n_opened();
        limit_descriptors(64);
        let mut hoard = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            hoard.push(file);
        }
        hoard.truncate(hoard.len() - n_needed);
        let connector = begin();
        // The second attempt is due after 250 ms.
        sleep(Duration::from_millis(300));
        assert!(std::fs::File::open("/dev/null").is_err());
        assert!(!connector.is_done());
        drop(hoard);
        full.make_room();
        let stream = connector.join().unwrap().unwrap();
        assert_eq!(stream.peer_addr().unwrap(), full.address());
    });
}

#[test]
fn incoming_rests_while_descriptors_are_used_up() {
    run_child("loop_incoming_rests").assert_exited(0);
}

fn incoming_rests() {
    run(|| {
        let tcp = listener();
        let path = Path::new();
        let unix = UnixListener::bind(&path).unwrap();
        limit_descriptors(64);
        let client = std::net::TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
        let unix_client = std::os::unix::net::UnixStream::connect(&path).unwrap();
        let mut hoard = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            hoard.push(file);
        }
        let (mut tcp, mut unix) = (tcp.incoming(), unix.incoming());
        let n_errors = 4;
        let start = Instant::now();
        for _ in 0..n_errors {
            let error = tcp.next().unwrap().unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
        }
        // Before the second, the third and the fourth.
        let rests = Duration::from_millis(5 + 10 + 20);
        assert!(start.elapsed() >= rests);
        for _ in 0..n_errors {
            let error = unix.next().unwrap().unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
        }
        assert!(start.elapsed() >= 2 * rests);
        // A loop of the shortest form serves as soon as descriptors are free.
        drop(hoard);
        assert!(tcp.by_ref().flatten().next().is_some());
        assert!(unix.by_ref().flatten().next().is_some());
        drop((client, unix_client));
    });
}

/// `accept` of such a listener fails at once, again and again.
#[test]
fn incoming_rests_after_the_listener_was_shut_down() {
    run(|| {
        let listener = listener();
        socket2::SockRef::from(&listener)
            .shutdown(Shutdown::Both)
            .unwrap();
        let start = Instant::now();
        let errors = listener.incoming().take(4);
        assert_eq!(errors.filter(|stream| stream.is_err()).count(), 4);
        // Before the second, the third and the fourth.
        assert!(start.elapsed() >= Duration::from_millis(5 + 10 + 20));
    });
}

/// The number of open descriptors of this process.
fn n_open() -> usize {
    // SAFETY: asks for a flag of a descriptor, which may be none.
    let is_open = |fd: &i32| unsafe { libc::fcntl(*fd, libc::F_GETFD) != -1 };
    (0..1024).filter(is_open).count()
}
