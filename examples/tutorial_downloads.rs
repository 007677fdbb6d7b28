//! One hundred downloads at once over plain sockets, each a task of straight-line code. The server, which waits for 100 ms before
//! each answer, is a task of the same loop. The example `downloads` does the same with a session, encryption and a histogram.
//!
//! `cargo run --example tutorial_downloads`

use std::io::{self, BufRead, BufReader, Read, Write};
use std::time::{Duration, Instant};

use selvedge::net::{SocketAddr, TcpListener, TcpStream};
use selvedge::{sleep, spawn, spawn_fallible};

const N_DOWNLOADS: usize = 100;
const DELAY: Duration = Duration::from_millis(100);

/// Answers one HTTP/1.0 request and closes the connection, which ends the response.
fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    sleep(DELAY);
    let path = first.split(' ').nth(1).unwrap_or("/");
    let response = format!("HTTP/1.0 200 OK\r\n\r\nThis is {path}.");
    stream.write_all(response.as_bytes())
}

fn download(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    match response.strip_prefix("HTTP/1.0 200 OK\r\n\r\n") {
        Some(body) => Ok(body.to_owned()),
        None => Err(io::Error::other(response)),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    selvedge::run(|| {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let server = spawn(move || {
            for stream in listener.incoming().flatten() {
                spawn_fallible(move || answer(stream)).detach();
            }
        });

        let start = Instant::now();
        let get = |n| spawn_fallible(move || download(address, &format!("/page/{n}")));
        let downloads: Vec<_> = (0..N_DOWNLOADS).map(get).collect();
        for (n, download) in downloads.into_iter().enumerate() {
            assert_eq!(download.join()?, format!("This is /page/{n}."));
        }
        let (took, one_by_one) = (start.elapsed(), DELAY * N_DOWNLOADS as u32);
        println!("{N_DOWNLOADS} downloads took {took:.0?}, not {one_by_one:.0?}");
        server.cancel();
        Ok(())
    })
}
