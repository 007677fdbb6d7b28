//! The rows of idle connections: what a keep-alive connection costs between two requests. The recipe is a task for each
//! connection, whose `StreamReader` has no buffer while it waits, and whose frames fit the first page of the stack.

use std::io::{self, BufRead, Read, Write};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpStream as StdStream};
use std::time::Duration;

use selvedge::io::StreamReader;
use selvedge::net::{TcpListener, TcpStream};
use selvedge::{EventLoop, sleep, spawn, to_thread};

use crate::memory::{one_process, resident_bytes};
use crate::support::peers;
use crate::support::protocol::{DEEP_BYTES, descend};
use crate::table::{Limit, Row};

/// As many as fit the limit of descriptors, each with two. The pool populates stacks 256 at a time, and with this number takes
/// nearly all of the last batch.
const MAX_CONNECTIONS: usize = 9_190;
const ROUNDS: usize = 5;

const REQUEST: &[u8] = b"GET /loom HTTP/1.1\r\nhost: localhost\r\naccept: */*\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nwarp";

/// After how long the loop returns what tasks that wait do not use.
const IDLE: Duration = Duration::from_millis(50);

pub fn rows() -> Vec<Row> {
    let row = |what, of_what| Row {
        what,
        ours: (0..ROUNDS).map(|_| one_process(of_what) / 1024.0).collect(),
        peer: "",
        peers: Vec::new(),
        limit: Limit::Absolute(5.0),
    };
    let of_tls = || {
        let mut connections = peers::rust("selvedge", "idle_tls", &[n_connections()]);
        connections.round() / 1024.0
    };
    vec![
        row(
            "an idle keep-alive connection, VmRSS + VmPTE growth, KiB",
            "connections",
        ),
        row(
            "the same after a request that went 100 KiB deep, KiB",
            "deep connections",
        ),
        Row {
            what: "an idle https connection after such a request, KiB of stack",
            ours: (0..ROUNDS).map(|_| of_tls()).collect(),
            peer: "",
            peers: Vec::new(),
            limit: Limit::Absolute(5.0),
        },
    ]
}

/// Serves a request on each of many connections, and prints what each of them has grown this process by.
pub fn child(is_deep: bool) {
    let n = n_connections();
    let depth = if is_deep { DEEP_BYTES } else { 0 };
    EventLoop::builder()
        .idle_stack_timeout(Some(IDLE))
        .run(move || {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let address = listener.local_addr().expect("it is bound");
            let before = resident_bytes();
            let clients = spawn(move || to_thread(move || ask(address, n)));
            for _ in 0..n {
                let (stream, _) = listener.accept().expect("a connection");
                spawn(move || serve(&stream, depth)).detach();
            }
            let clients = clients.join().expect("no panic").expect("no panic");
            assert_eq!(clients.len(), n);
            sleep(10 * IDLE);
            println!("{}", (resident_bytes() - before) as f64 / n as f64);
            // Closing the connections would only take time.
            std::process::exit(0);
        });
}

/// Opens connections, and has an answer on each.
fn ask(address: SocketAddr, n: usize) -> Vec<StdStream> {
    let connect = |_| {
        let mut stream = StdStream::connect(address)?;
        stream.write_all(REQUEST)?;
        stream.read_exact(&mut [0; RESPONSE.len()])?;
        Ok(stream)
    };
    let clients: io::Result<_> = (0..n).map(connect).collect();
    clients.expect("an answer")
}

fn serve(stream: &TcpStream, depth: usize) {
    let mut reader = StreamReader::new(stream);
    while let Some(length) = head_len(reader.buffer()) {
        if length == 0 {
            match reader.fill() {
                Ok(true) => continue,
                Ok(false) | Err(_) => return,
            }
        }
        reader.consume(length);
        descend(depth);
        if { stream }.write_all(RESPONSE).is_err() {
            return;
        }
    }
}

/// The length of the request's head: zero if more bytes are needed, `None` if the bytes are no head. Its own function, so that
/// the headers are in no frame that waits.
#[inline(never)]
fn head_len(bytes: &[u8]) -> Option<usize> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let status = httparse::Request::new(&mut headers).parse(bytes).ok()?;
    Some(match status {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial => 0,
    })
}

/// Raises the limit of descriptors as far as the system lets it.
fn n_connections() -> usize {
    let mut limit = MaybeUninit::<libc::rlimit>::uninit();
    // SAFETY: the system fills the limit in, and reads it again.
    let limit = unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, limit.as_mut_ptr()), 0);
        let mut limit = limit.assume_init();
        limit.rlim_cur = limit.rlim_max;
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
        limit
    };
    let n = usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX);
    MAX_CONNECTIONS.min((n - 100) / 2)
}
