//! Load for an echo server: many connections with one outstanding request each. A connection sends its next request as soon as
//! the answer has arrived. One thread, on epoll.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// Bytes of a request, and of its answer.
const SIZE: usize = 64;
const MAX_EVENTS: usize = 1024;

/// Connections to a server.
pub struct Load {
    epoll: OwnedFd,
    connections: Vec<Connection>,
}

struct Connection {
    stream: TcpStream,
    sent: Instant,
    n_received: usize,
}

/// The result of a run.
pub struct Report {
    pub n_requests: usize,
    pub elapsed: Duration,
    /// Nanoseconds from each request to its answer, sorted.
    latencies: Vec<u64>,
}

impl Report {
    pub fn per_second(&self) -> f64 {
        self.n_requests as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency, in microseconds, that `per_mille` of a thousand answers did not exceed.
    pub fn latency_us(&self, per_mille: usize) -> f64 {
        let index = (self.latencies.len() - 1) * per_mille / 1000;
        self.latencies[index] as f64 / 1000.0
    }
}

impl Load {
    pub fn connect(port: u16, n_connections: usize) -> io::Result<Self> {
        // SAFETY: the call takes a number and returns a new descriptor, which nothing else owns.
        let epoll =
            unsafe { OwnedFd::from_raw_fd(check(libc::epoll_create1(libc::EPOLL_CLOEXEC))?) };
        let mut connections = Vec::with_capacity(n_connections);
        for index in 0..n_connections {
            let stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let (events, u64) = (libc::EPOLLIN as u32, index as u64);
            let mut event = libc::epoll_event { events, u64 };
            let (fd, add) = (stream.as_raw_fd(), libc::EPOLL_CTL_ADD);
            // SAFETY: the event is read during the call.
            check(unsafe { libc::epoll_ctl(epoll.as_raw_fd(), add, fd, &mut event) })?;
            connections.push(Connection {
                stream,
                sent: Instant::now(),
                n_received: 0,
            });
        }
        Ok(Self { epoll, connections })
    }

    /// Sends requests for `duration` and returns when each has its answer.
    pub fn run(&mut self, duration: Duration) -> io::Result<Report> {
        let start = Instant::now();
        let mut latencies = Vec::with_capacity(1 << 18);
        for connection in &mut self.connections {
            connection.request()?;
        }
        let mut n_outstanding = self.connections.len();
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; MAX_EVENTS];
        while n_outstanding > 0 {
            let (at, max) = (events.as_mut_ptr(), MAX_EVENTS as i32);
            // SAFETY: `events` has room for `max` events.
            let n = check(unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), at, max, -1) })?;
            let more = start.elapsed() < duration;
            for event in &events[..n as usize] {
                let connection = &mut self.connections[event.u64 as usize];
                if !connection.has_answer()? {
                    continue;
                }
                latencies.push(connection.sent.elapsed().as_nanos() as u64);
                if more {
                    connection.request()?;
                } else {
                    n_outstanding -= 1;
                }
            }
        }
        let elapsed = start.elapsed();
        latencies.sort_unstable();
        Ok(Report {
            n_requests: latencies.len(),
            elapsed,
            latencies,
        })
    }
}

impl Connection {
    fn request(&mut self) -> io::Result<()> {
        self.sent = Instant::now();
        self.n_received = 0;
        let n = io::Write::write(&mut &self.stream, &[7; SIZE])?;
        if n < SIZE {
            return Err(io::Error::other("the socket's buffer is full"));
        }
        Ok(())
    }

    /// Reads the bytes that have arrived and returns whether the answer is complete.
    fn has_answer(&mut self) -> io::Result<bool> {
        let mut buffer = [0; SIZE];
        match io::Read::read(&mut &self.stream, &mut buffer) {
            Ok(0) => Err(io::Error::other("the server has closed a connection")),
            Ok(n) => {
                self.n_received += n;
                Ok(self.n_received == SIZE)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

pub fn check(answer: i32) -> io::Result<i32> {
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(answer)
}
