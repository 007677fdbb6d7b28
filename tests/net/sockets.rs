//! Helpers for the tests of sockets: connected pairs, paths, addresses without a listener.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use selvedge::net::unix::UnixDatagram;
use selvedge::net::{TcpListener, TcpStream, UdpSocket};
use socket2::{Domain, SockRef, Socket, Type};

/// Longer than any wait of a passing test, however slow the machine is.
pub const NEVER: Duration = Duration::from_secs(600);

/// Long enough to observe a wait.
pub const MOMENT: Duration = Duration::from_millis(30);

/// Enough for the system to answer a connect to this machine.
const ANSWER: Duration = Duration::from_millis(200);

pub fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a port is free")
}

/// Both ends of a connection.
pub fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = listener();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, peer) = listener.accept().unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
    (client, server)
}

/// Two sockets, each connected to the other.
pub fn udp_pair() -> (UdpSocket, UdpSocket) {
    let a = UdpSocket::bind("127.0.0.1:0").unwrap();
    let b = UdpSocket::bind("127.0.0.1:0").unwrap();
    a.connect(b.local_addr().unwrap()).unwrap();
    b.connect(a.local_addr().unwrap()).unwrap();
    (a, b)
}

/// An address without a listener: a socket is bound to it, so that no other program uses it.
pub struct ClosedPort(Socket);

impl ClosedPort {
    pub fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        socket.bind(&any.into()).unwrap();
        Self(socket)
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap().as_socket().unwrap()
    }
}

/// A listener whose queue is full: connects get no answer.
pub struct Full {
    listener: std::net::TcpListener,
    queued: Vec<TcpStream>,
}

impl Full {
    pub fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        socket.bind(&any.into()).unwrap();
        socket.listen(0).unwrap();
        let mut full = Self {
            listener: socket.into(),
            queued: Vec::new(),
        };
        loop {
            // Without a loop, an existing connection counts, however late the check.
            match TcpStream::connect_timeout(&full.address(), ANSWER) {
                Ok(stream) => full.queued.push(stream),
                Err(error) if error.kind() == ErrorKind::TimedOut => return full,
                Err(error) => panic!("the queue is not full, and yet {error}"),
            }
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// Accepts the connections in the queue. Later attempts get an answer.
    pub fn make_room(&self) {
        for _ in &self.queued {
            drop(self.listener.accept().unwrap());
        }
    }
}

/// Ends the connection by a reset.
pub fn reset(stream: TcpStream) {
    let linger = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    linger.expect("linger can be set");
    drop(stream);
}

/// Sends until there is no room, without waiting; returns the number of successful sends.
pub fn fill(mut send: impl FnMut() -> io::Result<usize>) -> usize {
    let mut n_sent = 0;
    loop {
        match send() {
            Ok(_) => n_sent += 1,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return n_sent,
            Err(error) => panic!("the socket is not full, and yet {error}"),
        }
    }
}

/// As [`fill`], by datagrams to the path; restores the socket's mode afterwards.
pub fn fill_path(socket: &UnixDatagram, path: &Path) -> usize {
    socket.set_nonblocking(true).unwrap();
    let n_sent = fill(|| socket.send_to(b"fill", path));
    socket.set_nonblocking(false).unwrap();
    n_sent
}

/// An unused path for a socket; a file at the path is removed at the end.
pub struct Path(PathBuf);

impl Path {
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let n = NEXT.fetch_add(1, Relaxed);
        let name = format!("selvedge-{}-{n}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // Remains of a killed process with the same id.
        let _ = std::fs::remove_file(&path);
        Self(path)
    }
}

impl AsRef<std::path::Path> for Path {
    fn as_ref(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Runs `f` on a thread of its own.
pub fn beside<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> thread::JoinHandle<T> {
    thread::spawn(f)
}

#[track_caller]
pub fn assert_kind<T: std::fmt::Debug>(result: io::Result<T>, kind: ErrorKind) {
    assert_eq!(result.expect_err("it fails").kind(), kind);
}
