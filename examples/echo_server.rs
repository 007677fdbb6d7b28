//! An echo server in the style of one thread per client, with a task instead of a thread. `echo_server ADDRESS` serves for ever;
//! without an address it serves a thousand clients of its own, all connected at once, and ends.

use std::io::{self, Read, Write};
use std::time::Instant;

use selvedge::net::{SocketAddr, TcpListener, TcpStream};
use selvedge::{Task, spawn, spawn_fallible};

fn serve(listener: &TcpListener) {
    for stream in listener.incoming().flatten() {
        // Errors are ignored, because a client may close its connection at any time.
        spawn(move || drop(io::copy(&mut &stream, &mut &stream))).detach();
    }
}

fn client(address: SocketAddr, n: usize) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    let sent = format!("a line of client {n}").into_bytes();
    for _ in 0..10 {
        let mut got = vec![0; sent.len()];
        stream.write_all(&sent)?;
        stream.read_exact(&mut got)?;
        assert_eq!(got, sent);
    }
    Ok(())
}

/// A thousand, or fewer if the limit of open files is low: each client needs two, one at either end.
fn n_clients() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|it| it.starts_with("Max open"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3)?.parse().ok());
    1_000.min(soft.unwrap_or(256_usize) / 2 - 20)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let argument = std::env::args().nth(1);
    selvedge::run(|| {
        let listener = TcpListener::bind(argument.as_deref().unwrap_or("127.0.0.1:0"))?;
        let (address, start) = (listener.local_addr()?, Instant::now());
        println!("echoing at {address}");
        let server = spawn(move || serve(&listener));
        if argument.is_some() {
            return Ok(server.join()?);
        }
        let start_client = |n| spawn_fallible(move || client(address, n));
        let clients: Vec<_> = (0..n_clients()).map(start_client).collect();
        println!("{} clients, 10 echoes each", clients.len());
        clients.into_iter().try_for_each(Task::join)?;
        println!("done after {:.0?}", start.elapsed());
        Ok(())
    })
}
