//! Pings over UDP: the round-trip time of each, with a timeout for lost ones. `udp_ping ADDRESS` pings an echo server; without an
//! address it pings its own, which drops every third datagram on purpose.
//!
//! `cargo run --example udp_ping`

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use selvedge::net::UdpSocket;
use selvedge::{sleep, spawn_fallible};

const N_PINGS: u32 = 5;
const TIMEOUT: Duration = Duration::from_secs(3);

fn echo(socket: &UdpSocket) -> io::Result<()> {
    let mut buffer = [0; 1500];
    for n in 1.. {
        let (length, peer) = socket.recv_from(&mut buffer)?;
        if n % 3 != 0 {
            socket.send_to(&buffer[..length], peer)?;
        }
    }
    Ok(())
}

/// Sends a number and waits for its echo; ignores late echoes of earlier numbers.
fn ping(socket: &UdpSocket, n: u32) -> io::Result<Duration> {
    let (start, mut answer) = (Instant::now(), [0; 4]);
    socket.send(&n.to_be_bytes())?;
    while socket.recv(&mut answer)? != answer.len() || answer != n.to_be_bytes() {}
    Ok(start.elapsed())
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1);
    selvedge::run(|| {
        let server = UdpSocket::bind("127.0.0.1:0")?;
        let own = server.local_addr()?.to_string();
        spawn_fallible(move || echo(&server)).detach();

        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.connect(address.as_ref().unwrap_or(&own))?;
        socket.set_read_timeout(Some(TIMEOUT))?;
        let mut n_lost = 0;
        for n in 1..=N_PINGS {
            match ping(&socket, n) {
                Ok(took) => println!("ping {n}: {took:.0?}"),
                Err(error) if error.kind() == ErrorKind::TimedOut => n_lost += 1,
                Err(error) => return Err(error),
            }
            sleep(Duration::from_millis(10));
        }
        println!("{n_lost} of {N_PINGS} pings had no answer within {TIMEOUT:?}");
        assert!(address.is_some() || n_lost == N_PINGS / 3);
        Ok(())
    })
}
