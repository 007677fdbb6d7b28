//! A proxy: whoever connects is connected to somebody else, and bytes go both ways until both sides have
//! said all. Told to stop, it accepts nobody more and waits for those who are still talking.
//!
//! `tcp_proxy LISTEN UPSTREAM` runs until it is killed. Without addresses it starts an upstream and
//! clients itself and shows what went through.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::time::Duration;

use selvedge::error::ScopeError;
use selvedge::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use selvedge::sync::Event;
use selvedge::{Task, scope, sleep, spawn, spawn_fallible, timeout};

/// How long those who are talking may go on when it is to stop.
const PATIENCE: Duration = Duration::from_secs(5);

type Failure = Box<dyn std::error::Error>;

struct Proxy {
    listener: TcpListener,
    upstream: SocketAddr,
    stop: Event,
    n_talking: Cell<usize>,
    is_idle: Event,
    there: Cell<u64>,
    back: Cell<u64>,
}

impl Proxy {
    /// Returns when it was told to stop and nobody talks any more, or patience is over.
    fn serve(&self) -> Result<(), ScopeError> {
        scope(|s| {
            let accepting = s.spawn(|| {
                for client in self.listener.incoming() {
                    match client {
                        Ok(client) => s.spawn(move || self.attend(&client)).detach(),
                        // Too many open files, most likely: some will be closed.
                        Err(_) => sleep(Duration::from_millis(50)),
                    }
                }
            });
            self.stop.wait();
            accepting.cancel();
            if self.n_talking.get() > 0 && timeout(PATIENCE, || self.is_idle.wait()).is_err() {
                s.cancel();
            }
        })
    }

    fn attend(&self, client: &TcpStream) {
        self.n_talking.set(self.n_talking.get() + 1);
        self.is_idle.clear();
        if let Err(error) = self.connect_through(client) {
            eprintln!("a connection failed: {error}");
        }
        self.n_talking.set(self.n_talking.get() - 1);
        if self.n_talking.get() == 0 {
            self.is_idle.set();
        }
    }

    /// Both directions are tasks; if one fails, the other is cancelled.
    fn connect_through(&self, client: &TcpStream) -> Result<(), Failure> {
        let server = TcpStream::connect(self.upstream)?;
        let add = |total: &Cell<u64>, n_bytes| total.set(total.get() + n_bytes);
        scope(|s| {
            s.spawn_fallible(|| copy(client, &server).map(|n| add(&self.there, n)));
            s.spawn_fallible(|| copy(&server, client).map(|n| add(&self.back, n)));
        })?;
        Ok(())
    }
}

/// One direction. When one side has said all, the other hears it, and may go on talking itself.
fn copy(mut from: &TcpStream, mut to: &TcpStream) -> io::Result<u64> {
    let n_bytes = io::copy(&mut from, &mut to)?;
    match to.shutdown(Shutdown::Write) {
        // It has gone already.
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(n_bytes),
        ended => ended.map(|()| n_bytes),
    }
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    selvedge::run(|| {
        let (listen, upstream) = match &arguments[..] {
            [listen, upstream] => (listen.as_str(), upstream.to_socket_addrs()?.next()),
            _ => ("127.0.0.1:0", Some(start_upstream()?)),
        };
        let proxy = Proxy {
            listener: TcpListener::bind(listen)?,
            upstream: upstream.ok_or("the upstream has no address")?,
            stop: Event::new(),
            n_talking: Cell::new(0),
            is_idle: Event::new(),
            there: Cell::new(0),
            back: Cell::new(0),
        };
        println!(
            "{} is connected to {}",
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
                "{} bytes went there, {} came back",
                proxy.there.get(),
                proxy.back.get()
            );
        }
        Ok(())
    })
}

/// An upstream that hears somebody out before it answers, in capitals: half of a connection ends first.
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

/// Clients who talk slowly; the proxy is told to stop as soon as all are connected.
fn demonstrate(proxy: &Proxy) -> io::Result<Task<()>> {
    const N_CLIENTS: usize = 20;
    let (address, stop) = (proxy.listener.local_addr()?, proxy.stop.clone());
    let talk = move |n: usize| {
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
            .map(|n| spawn_fallible(move || talk(n)))
            .collect();
        sleep(Duration::from_millis(15));
        println!("told to stop while {N_CLIENTS} clients are talking");
        stop.set();
        clients.into_iter().try_for_each(Task::join)?;
        println!("each of them has got its answer");
        Ok::<_, selvedge::TaskError>(())
    }))
}
