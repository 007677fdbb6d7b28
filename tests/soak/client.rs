//! The soak's workers: one turn is one life of a socket, from creation to close.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use selvedge::io::is_cancelled;
use selvedge::net::unix::UnixStream;
use selvedge::net::{TcpStream, UdpSocket};
use selvedge::task::all_tasks;
use selvedge::{Task, TaskError, sleep, spawn, yield_now};

use crate::hang_guard::N_STEPS;
use crate::random::Random;
use crate::server::{ECHO, KEEP_SILENT, LEAVE, NEVER_READ, READ_ALL};

/// The action of a worker in one turn.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Echo,
    HalfClose,
    Reset,
    ServerLeaves,
    Timeout,
    CancelRead,
    CancelWrite,
    CancelAnything,
    Refused,
    Pair,
    Datagram,
}

pub const KINDS: [Kind; 11] = [
    Kind::Echo,
    Kind::HalfClose,
    Kind::Reset,
    Kind::ServerLeaves,
    Kind::Timeout,
    Kind::CancelRead,
    Kind::CancelWrite,
    Kind::CancelAnything,
    Kind::Refused,
    Kind::Pair,
    Kind::Datagram,
];

#[derive(Clone)]
pub struct Client {
    pub random: Random,
    pub servers: Rc<Vec<SocketAddr>>,
    /// An address without a listener.
    pub closed: SocketAddr,
    /// The number of turns of each kind.
    pub n_turns: Rc<[Cell<u64>; KINDS.len()]>,
}

impl Client {
    fn connect(&self, behaviour: u8) -> io::Result<TcpStream> {
        let address = self.servers[self.random.below(self.servers.len() as u64) as usize];
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(&[behaviour])?;
        Ok(stream)
    }

    fn bytes(&self) -> Vec<u8> {
        let n_bytes = 1 + self.random.below(3000);
        (0..n_bytes).map(|_| self.random.below(256) as u8).collect()
    }

    fn turn(&self, kind: Kind) -> io::Result<()> {
        match kind {
            Kind::Echo => self.echo(),
            Kind::HalfClose => self.half_close(),
            Kind::Reset => self.reset(),
            Kind::ServerLeaves => self.server_leaves(),
            Kind::Timeout => self.timeout(),
            Kind::CancelRead => self.cancel_read(),
            Kind::CancelWrite => self.cancel_write(),
            Kind::CancelAnything => self.cancel_anything(),
            Kind::Refused => self.refused(),
            Kind::Pair => self.pair(),
            Kind::Datagram => self.datagram(),
        }
    }

    fn echo(&self) -> io::Result<()> {
        let mut stream = self.connect(ECHO)?;
        for _ in 0..1 + self.random.below(4) {
            let sent = self.bytes();
            let mut received = vec![0; sent.len()];
            stream.write_all(&sent)?;
            stream.read_exact(&mut received)?;
            assert_eq!(sent, received, "the echo of another byte");
        }
        Ok(())
    }

    fn half_close(&self) -> io::Result<()> {
        let mut stream = self.connect(READ_ALL)?;
        let sent = self.bytes();
        stream.write_all(&sent)?;
        stream.shutdown(Shutdown::Write)?;
        let mut received = Vec::new();
        stream.read_to_end(&mut received)?;
        assert_eq!(sent, received, "what came back after the half-close");
        Ok(())
    }

    /// A socket that is closed with bytes unread resets its connection.
    fn reset(&self) -> io::Result<()> {
        let mut stream = self.connect(ECHO)?;
        stream.write_all(b"never read")?;
        let n_peeked = stream.peek(&mut [0; 4])?;
        assert!(n_peeked > 0, "the echo of what was sent");
        Ok(())
    }

    fn server_leaves(&self) -> io::Result<()> {
        let mut stream = self.connect(LEAVE)?;
        let n_read = stream.read(&mut [0; 4])?;
        assert_eq!(n_read, 0, "the end of the stream");
        Ok(())
    }

    fn timeout(&self) -> io::Result<()> {
        let mut stream = self.connect(KEEP_SILENT)?;
        let timeout = Duration::from_micros(1) + self.random.microseconds(500);
        stream.set_read_timeout(Some(timeout))?;
        match stream.read(&mut [0; 4]) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            // The turn may be the body of a task that is cancelled.
            Err(error) if is_cancelled(&error) => return Err(error),
            result => panic!("{result:?}"),
        }
        // The socket is still usable.
        stream.set_read_timeout(None)?;
        stream.shutdown(Shutdown::Write)?;
        assert_eq!(stream.read(&mut [0; 4])?, 0, "the end of the stream");
        Ok(())
    }

    fn cancel_read(&self) -> io::Result<()> {
        let mut stream = self.connect(ECHO)?;
        let mut reader = stream.try_clone()?;
        let task = spawn(move || reader.read(&mut [0; 4]).map(drop));
        if self.random.below(4) > 0 {
            sleep(self.random.microseconds(200));
        }
        cancelled(task)?;
        // The cancelled read took no byte.
        stream.write_all(b"weft")?;
        let mut received = [0; 4];
        stream.read_exact(&mut received)?;
        assert_eq!(&received, b"weft");
        Ok(())
    }

    fn cancel_write(&self) -> io::Result<()> {
        let mut stream = self.connect(NEVER_READ)?;
        let task = spawn(move || {
            let bytes = vec![0; 64 * 1024];
            loop {
                stream.write_all(&bytes)?;
            }
        });
        sleep(self.random.microseconds(300));
        cancelled(task)
    }

    /// Cancels the task at any point, from before its first step to after its last.
    fn cancel_anything(&self) -> io::Result<()> {
        let (client, kind) = (self.clone(), KINDS[self.random.below(5) as usize]);
        let task = spawn(move || client.turn(kind));
        match self.random.below(4) {
            0 => (),
            1 => yield_now(),
            2 => (0..self.random.below(20)).for_each(|_| yield_now()),
            _ => sleep(self.random.microseconds(1000)),
        }
        cancelled(task)
    }

    fn refused(&self) -> io::Result<()> {
        match TcpStream::connect(self.closed) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
            Err(error) => Err(error),
            Ok(_) => panic!("a server listens at {}", self.closed),
        }
    }

    fn pair(&self) -> io::Result<()> {
        let (mut near, mut far) = UnixStream::pair()?;
        let echo = spawn(move || {
            let mut bytes = Vec::new();
            far.read_to_end(&mut bytes)?;
            far.write_all(&bytes)
        });
        let sent = self.bytes();
        near.write_all(&sent)?;
        near.shutdown(Shutdown::Write)?;
        let mut received = Vec::new();
        near.read_to_end(&mut received)?;
        assert_eq!(sent, received);
        echo.join().expect("it returned")
    }

    fn datagram(&self) -> io::Result<()> {
        let (near, far) = (
            UdpSocket::bind("127.0.0.1:0")?,
            UdpSocket::bind("127.0.0.1:0")?,
        );
        let address = far.local_addr()?;
        let receiver = spawn(move || far.recv_from(&mut [0; 64]).map(|(n_bytes, _)| n_bytes));
        if self.random.below(2) == 0 {
            yield_now();
        }
        near.send_to(b"shuttle", address)?;
        assert_eq!(receiver.join().expect("it returned")?, 7);
        Ok(())
    }

    /// Workers take random turns until the time is up and each kind has occurred often enough, however slow the machine
    /// is; then they await everything that they started.
    pub fn work(&self, n_workers: usize, duration: Duration, is_enough: &Rc<dyn Fn() -> bool>) {
        let n_tasks = all_tasks().len();
        let deadline = Instant::now() + duration;
        let workers: Vec<Task<()>> = (0..n_workers)
            .map(|_| {
                let (client, is_enough) = (self.clone(), Rc::clone(is_enough));
                spawn(move || client.take_turns(|| Instant::now() >= deadline && is_enough()))
            })
            .collect();
        for worker in workers {
            worker
                .join()
                .unwrap_or_else(|error| panic!("a worker: {error}"));
        }
        while all_tasks().len() > n_tasks {
            sleep(Duration::from_millis(1));
        }
    }

    fn take_turns(&self, is_over: impl Fn() -> bool) {
        while !is_over() {
            let n = self.random.below(KINDS.len() as u64) as usize;
            let kind = KINDS[n];
            match self.turn(kind) {
                Ok(()) => {
                    self.n_turns[n].set(self.n_turns[n].get() + 1);
                    N_STEPS.fetch_add(1, Relaxed);
                }
                // All ports are in TIME_WAIT; a little later some are free again.
                Err(error) if error.kind() == ErrorKind::AddrNotAvailable => {
                    sleep(Duration::from_millis(20));
                }
                Err(error) => panic!("{kind:?} met {error}"),
            }
        }
    }
}

/// Cancels the task and waits for its end, which may have had another reason.
fn cancelled(task: Task<io::Result<()>>) -> io::Result<()> {
    task.cancel();
    match task.join() {
        Ok(Ok(())) => Ok(()),
        // The server may close first.
        Ok(Err(error))
            if matches!(
                error.kind(),
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
            ) =>
        {
            Ok(())
        }
        Ok(Err(error)) => Err(error),
        Err(error) if error.is_cancelled() => Ok(()),
        Err(error) => panic!("not a cancel: {}", TaskError::to_string(&error)),
    }
}
