//! Servers of blocking pops, measured in turn: many connections wait for the next item of one queue, for a deadline, and for
//! the client's hang-up, whatever comes first. The server is on one core, the load on the other.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use super::contest::Contender;
use super::load::check;
use super::machine::{LOAD_CORE, MEASURED_CORE, pin_to_core, raise_file_limit};
use super::{fail, ours, peers};

const ROUND: Duration = Duration::from_millis(50);
/// Items under way at a time.
const N_PUSHERS: usize = 16;

/// Server CPU, user and system, in microseconds a pop that has waited: ours, then tokio's.
pub fn measure(n_waiting: usize, n_starts: usize, n_rounds: usize) -> [Vec<f64>; 2] {
    raise_file_limit(4 * n_waiting as u64 + 200);
    let mut samples = [const { Vec::new() }; 2];
    for start in 0..n_starts {
        // A server inherits the core of the thread that starts it.
        pin_to_core(MEASURED_CORE);
        let servers = [
            ours::contender("pop", &[]),
            peers::rust("tokio", "pop", &[]),
        ];
        pin_to_core(LOAD_CORE);
        let mut loads = servers.each_ref().map(|server| {
            Load::connect(server.port(), n_waiting)
                .unwrap_or_else(|error| fail(format_args!("{}: {error}", server.name)))
        });
        // The first round warms up.
        for round in 0..=n_rounds {
            for index in if start % 2 == 0 { [0, 1] } else { [1, 0] } {
                let cpu_us = one(&servers[index], &mut loads[index]);
                if round > 0 {
                    samples[index].push(cpu_us);
                }
            }
        }
    }
    pin_to_core(MEASURED_CORE);
    samples
}

fn one(server: &Contender, load: &mut Load) -> f64 {
    let before = server.cpu_ns();
    let n_pops = load.run();
    let n_pops = n_pops.unwrap_or_else(|error| fail(format_args!("{}: {error}", server.name)));
    (server.cpu_ns() - before) as f64 / 1000.0 / n_pops as f64
}

/// Connections to a server: those that wait, and those that push.
struct Load {
    epoll: OwnedFd,
    waiting: Vec<TcpStream>,
    pushers: VecDeque<TcpStream>,
}

impl Load {
    fn connect(port: u16, n_waiting: usize) -> io::Result<Self> {
        let connect = |_| {
            let stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
            stream.set_nodelay(true)?;
            Ok::<_, io::Error>(stream)
        };
        let pushers = (0..N_PUSHERS).map(connect).collect::<Result<_, _>>()?;
        let waiting: Vec<_> = (0..n_waiting).map(connect).collect::<Result<_, _>>()?;
        // SAFETY: the call takes a number and returns a new descriptor, which nothing else owns.
        let epoll =
            unsafe { OwnedFd::from_raw_fd(check(libc::epoll_create1(libc::EPOLL_CLOEXEC))?) };
        for (index, mut stream) in waiting.iter().enumerate() {
            let (events, u64) = (libc::EPOLLIN as u32, index as u64);
            let mut event = libc::epoll_event { events, u64 };
            let (fd, add) = (stream.as_raw_fd(), libc::EPOLL_CTL_ADD);
            // SAFETY: the event is read during the call.
            check(unsafe { libc::epoll_ctl(epoll.as_raw_fd(), add, fd, &mut event) })?;
            stream.write_all(b"p")?;
        }
        Ok(Self {
            epoll,
            waiting,
            pushers,
        })
    }

    /// Pushes items until the time has passed, and until each has arrived. Returns their number. All connections but those
    /// that are being answered wait.
    fn run(&mut self) -> io::Result<usize> {
        const MAX_EVENTS: usize = 64;
        let start = Instant::now();
        (0..N_PUSHERS).try_for_each(|_| self.push())?;
        let (mut n_pops, mut n_outstanding) = (0, N_PUSHERS);
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; MAX_EVENTS];
        while n_outstanding > 0 {
            let (at, max) = (events.as_mut_ptr(), MAX_EVENTS as i32);
            // SAFETY: `events` has room for `max` events.
            let n = check(unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), at, max, -1) })?;
            let more = start.elapsed() < ROUND;
            for event in &events[..n as usize] {
                let mut stream = &self.waiting[event.u64 as usize];
                stream.read_exact(&mut [0])?;
                stream.write_all(b"p")?;
                n_pops += 1;
                match more {
                    true => self.push()?,
                    false => n_outstanding -= 1,
                }
            }
        }
        Ok(n_pops)
    }

    fn push(&mut self) -> io::Result<()> {
        self.pushers.rotate_left(1);
        self.pushers[0].write_all(b"u")
    }
}
