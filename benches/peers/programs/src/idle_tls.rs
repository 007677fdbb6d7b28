//! Our contender for idle https connections: each serves one request that goes deep, and then waits. The recipe for few bytes
//! is that of the page about tokio, with rustls between the `StreamReader` and the parser.

use std::cell::RefCell;
use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream as StdStream};
use std::os::unix::fs::FileExt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use selvedge::coroutine::remaining_stack_bytes;
use selvedge::io::StreamReader;
use selvedge::net::{TcpListener, TcpStream};
use selvedge::stack::DEFAULT_STACK_SIZE_BYTES;
use selvedge::{EventLoop, sleep, spawn, to_thread};

use crate::contender::{DEEP_BYTES, answer, asked, descend, ready};

/// After how long the loop returns what tasks that wait do not use.
const IDLE: Duration = Duration::from_millis(50);
const PAGE: usize = 4096;

const REQUEST: &[u8] = b"GET /loom HTTP/1.1\r\nhost: localhost\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nwarp";

/// A round is the bytes of stack that are resident for each of `n` connections.
pub fn measure(n: usize) {
    let (server, client) = configs();
    EventLoop::builder()
        .idle_stack_timeout(Some(IDLE))
        .run(move || {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let address = listener.local_addr().expect("it is bound");
            let clients = spawn(move || to_thread(move || ask(address, &client, n)));
            let limits = Rc::new(RefCell::new(Vec::new()));
            for _ in 0..n {
                let (stream, _) = listener.accept().expect("a connection");
                let (server, limits) = (Arc::clone(&server), Rc::clone(&limits));
                spawn(move || {
                    limits.borrow_mut().push(stack_limit());
                    drop(limits);
                    serve(&stream, server);
                })
                .detach();
            }
            let clients = clients.join().expect("no panic").expect("no panic");
            assert_eq!(clients.len(), n);
            ready();
            while asked() {
                sleep(10 * IDLE);
                answer(resident_bytes(&limits.borrow()) as f64 / n as f64);
            }
            // Closing the connections would only take time.
            std::process::exit(0);
        });
}

fn configs() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("a certificate");
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let mut roots = RootCertStore::empty();
    roots.add(chain[0].clone()).expect("a certificate");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key in PKCS #8");
    let server = ServerConfig::builder().with_no_client_auth();
    let server = server.with_single_cert(chain, key).expect("they fit");
    let client = ClientConfig::builder().with_root_certificates(roots);
    (Arc::new(server), Arc::new(client.with_no_client_auth()))
}

type Client = (StdStream, ClientConnection);

/// Opens connections, and has an answer on each.
fn ask(address: SocketAddr, config: &Arc<ClientConfig>, n: usize) -> Vec<Client> {
    let connect = |_| {
        let mut stream = StdStream::connect(address)?;
        let name = ServerName::try_from("localhost").expect("a name");
        let connection = ClientConnection::new(Arc::clone(config), name);
        let mut connection = connection.map_err(io::Error::other)?;
        let mut tls = rustls::Stream::new(&mut connection, &mut stream);
        tls.write_all(REQUEST)?;
        tls.read_exact(&mut [0; RESPONSE.len()])?;
        Ok((stream, connection))
    };
    let clients: io::Result<_> = (0..n).map(connect).collect();
    clients.expect("an answer")
}

fn serve(stream: &TcpStream, config: Arc<ServerConfig>) {
    let mut connection = boxed(config);
    let mut reader = StreamReader::new(stream);
    let mut request = Vec::new();
    while matches!(reader.fill(), Ok(true)) {
        if advance(&mut connection, &mut reader, stream, &mut request).is_err() {
            return;
        }
    }
}

/// Its own function, for the same reason as [`advance`].
#[inline(never)]
fn boxed(config: Arc<ServerConfig>) -> Box<ServerConnection> {
    Box::new(ServerConnection::new(config).expect("a connection"))
}

/// Decrypts what has arrived, and answers whole requests. Its own function, so that its locals are in no frame that waits long.
#[inline(never)]
fn advance(
    connection: &mut ServerConnection,
    reader: &mut StreamReader<&TcpStream>,
    mut stream: &TcpStream,
    request: &mut Vec<u8>,
) -> io::Result<()> {
    while !reader.buffer().is_empty() {
        connection.read_tls(reader)?;
        let state = connection.process_new_packets().map_err(io::Error::other)?;
        let n_before = request.len();
        request.resize(n_before + state.plaintext_bytes_to_read(), 0);
        connection.reader().read_exact(&mut request[n_before..])?;
    }
    if request.ends_with(b"\r\n\r\n") {
        *request = Vec::new();
        descend(DEEP_BYTES);
        connection.writer().write_all(RESPONSE)?;
    }
    while connection.wants_write() {
        connection.write_tls(&mut stream)?;
    }
    Ok(())
}

/// The lowest address of the running task's stack.
fn stack_limit() -> usize {
    let local = black_box(0_u8);
    let here = &raw const local as usize;
    // The stack pointer is a little below the local.
    (here - remaining_stack_bytes().expect("a task's stack")) & !(PAGE - 1)
}

/// The bytes of the stacks' pages that are in memory.
fn resident_bytes(limits: &[usize]) -> usize {
    const IS_PRESENT: u64 = 1 << 63;
    let map = File::open("/proc/self/pagemap").expect("Linux");
    // The library's data of a stack has a page of its own.
    let mut entries = vec![0_u8; 8 * (DEFAULT_STACK_SIZE_BYTES / PAGE + 1)];
    let mut n_present = 0;
    for limit in limits {
        let offset = limit / PAGE * 8;
        map.read_exact_at(&mut entries, offset as u64)
            .expect("the pages are mapped");
        let entries = entries
            .as_chunks::<8>()
            .0
            .iter()
            .map(|entry| u64::from_ne_bytes(*entry));
        n_present += entries.filter(|entry| entry & IS_PRESENT != 0).count();
    }
    n_present * PAGE
}
