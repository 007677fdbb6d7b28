//! A proxy: it connects each client to an upstream server, and copies bytes both ways until both sides have ended. When it is told
//! to stop, it accepts no more clients and waits for the open connections.
//!
//! `tcp_proxy LISTEN UPSTREAM` runs until it is killed. Without addresses it starts an upstream server and clients of its own, and
//! prints the numbers of bytes.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::time::Duration;

use selvedge::error::ScopeError;
use selvedge::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use selvedge::sync::Event;
use selvedge::{Task, scope, sleep, spawn, spawn_fallible, timeout};

/// The time that open connections have after the stop.
const GRACE_PERIOD: Duration = Duration::from_secs(5);

type Failure = Box<dyn std::error::Error>;

struct Proxy {
    listener: TcpListener,
    upstream: SocketAddr,
    stop: Event,
    n_open: Cell<usize>,
    is_idle: Event,
    n_sent: Cell<u64>,
    n_returned: Cell<u64>,
}

impl Proxy {
    /// Returns after a stop, when no connection is open or the grace period is over.
    fn serve(&self) -> Result<(), ScopeError> {
        scope(|s| {
            let accepting = s.spawn(|| {
                for client in self.listener.incoming().flatten() {
                    s.spawn(move || self.attend(&client)).detach();
                }
            });
            self.stop.wait();
            accepting.cancel();
            if self.n_open.get() > 0 && timeout(GRACE_PERIOD, || self.is_idle.wait()).is_err() {
                s.cancel();
            }
        })
    }

    fn attend(&self, client: &TcpStream) {
        self.n_open.set(self.n_open.get() + 1);
        self.is_idle.clear();
        if let Err(error) = self.connect_through(client) {
            eprintln!("a connection failed: {error}");
        }
        self.n_open.set(self.n_open.get() - 1);
        if self.n_open.get() == 0 {
            self.is_idle.set();
        }
    }

    /// Both directions are tasks; if one fails, the other is cancelled.
    fn connect_through(&self, client: &TcpStream) -> Result<(), Failure> {
        let server = TcpStream::connect(self.upstream)?;
        let add = |total: &Cell<u64>, n_bytes| total.set(total.get() + n_bytes);
        scope(|s| {
            s.spawn_fallible(|| copy(client, &server).map(|n| add(&self.n_sent, n)));
            s.spawn_fallible(|| copy(&server, client).map(|n| add(&self.n_returned, n)));
        })?;
        Ok(())
    }
}

/// Copies one direction, and then closes that half of the connection; the other half may go on.
fn copy(mut from: &TcpStream, mut to: &TcpStream) -> io::Result<u64> {
    let n_bytes = io::copy(&mut from, &mut to)?;
    match to.shutdown(Shutdown::Write) {
        // The peer has closed the connection already.
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(n_bytes),
        ended => ended.map(|()| n_bytes),
    }
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    selvedge::run(|| {
        let (listen, upstream) = match &arguments[..] {
            [listen, upstream] => (listen.as_str(), upstream.to_socket_addrs()?.next()),
            [] => ("127.0.0.1:0", Some(start_upstream()?)),
            _ => return Err("usage: tcp_proxy [LISTEN UPSTREAM]".into()),
        };
        let proxy = Proxy {
            listener: TcpListener::bind(listen)?,
            upstream: upstream.ok_or("the upstream has no address")?,
            stop: Event::new(),
            n_open: Cell::new(0),
            is_idle: Event::new(),
            n_sent: Cell::new(0),
            n_returned: Cell::new(0),
        };
        println!(
            "{} forwards to {}",
            proxy.listener.local_addr()?,
            proxy.upstream
        );
        let demonstration = arguments
            .is_empty()
            .then(|| demonstrate(&proxy))
            .transpose()?;
        proxy.serve()?;
        if let Some(clients) = demonstration {
            clients.join()?;
            println!(
                "{} bytes to the upstream, {} bytes back",
                proxy.n_sent.get(),
                proxy.n_returned.get()
            );
        }
        Ok(())
    })
}

/// Starts a server that reads a request to its end and answers in capitals, so the halves of a connection end one by one.
fn start_upstream() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let answer = |mut stream: TcpStream| {
        let mut question = String::new();
        stream.read_to_string(&mut question)?;
        stream.write_all(question.to_uppercase().as_bytes())
    };
    spawn(move || {
        for stream in listener.incoming().flatten() {
            spawn_fallible(move || answer(stream)).detach();
        }
    })
    .detach();
    Ok(address)
}

/// Starts slow clients, and stops the proxy while all of them are connected.
fn demonstrate(proxy: &Proxy) -> io::Result<Task<()>> {
    const N_CLIENTS: usize = 20;
    let (address, stop) = (proxy.listener.local_addr()?, proxy.stop.clone());
    let client = move |n: usize| {
        let mut stream = TcpStream::connect(address)?;
        for word in ["warp ", "and ", "weft "] {
            stream.write_all(word.as_bytes())?;
            sleep(Duration::from_millis(10));
        }
        write!(stream, "{n:02}")?;
        stream.shutdown(Shutdown::Write)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        assert_eq!(answer, format!("WARP AND WEFT {n:02}"));
        Ok::<_, io::Error>(())
    };
    Ok(spawn_fallible(move || {
        let clients: Vec<_> = (0..N_CLIENTS)
            .map(|n| spawn_fallible(move || client(n)))
            .collect();
        sleep(Duration::from_millis(15));
        println!("stopped while {N_CLIENTS} clients are connected");
        stop.set();
        clients.into_iter().try_for_each(Task::join)?;
        println!("each client has got its answer");
        Ok::<_, selvedge::TaskError>(())
    }))
}
