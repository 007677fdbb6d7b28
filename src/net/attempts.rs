//! Connects to the first of several addresses that answers: happy eyeballs (RFC 8305).
//!
//! The addresses of both families alternate. An attempt begins when the previous one has failed, or has had no answer
//! for [`DELAY`]. The first attempt that succeeds wins, and the sockets of the others are closed.
//!
//! One wait serves all attempts, without a task for each: their sockets are in a separate poller, whose descriptor
//! becomes readable when one of the sockets is ready. A thread without a loop can wait for this descriptor, too.

use std::error::Error;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::connect::{begin, outcome};
use super::socket::Socket;
use crate::runtime::core::context;
use crate::runtime::io::Registration;
use crate::sys::poller::{BATCH, Poller};
use crate::sys::socket::is_out_of_resources;
use crate::sys::wait_fd::Direction;
use crate::util::fmt::impl_fmt;

type Stream = Socket<std::net::TcpStream>;

/// The token of all sockets in the poller: every socket is checked after each event.
const TOKEN: u64 = 0;

/// How long an attempt may have no answer before the next one begins as well.
const DELAY: Duration = Duration::from_millis(250);

/// May suspend. Returns a new socket, connected to the first of several addresses that answers.
pub(super) fn connect_to_any(
    addresses: &[SocketAddr],
    timeout: Option<Duration>,
) -> io::Result<Stream> {
    let deadline = timeout.and_then(|timeout| now().checked_add(timeout));
    let mut addresses = alternating(addresses).into_iter().peekable();
    let mut attempts = Attempts::new()?;
    while let Some(address) = addresses.next() {
        if let Some(socket) = attempts.begin(address)? {
            return Ok(socket);
        }
        let delay = addresses.peek().map(|_| DELAY);
        let next = delay.map(|delay| now() + delay);
        if let Some(socket) = attempts.wait(next, deadline)? {
            return Ok(socket);
        }
    }
    while !attempts.pending.is_empty() {
        if let Some(socket) = attempts.wait(None, deadline)? {
            return Ok(socket);
        }
    }
    Err(mem::take(&mut attempts.failed).into_io())
}

/// The time of the loop's clock.
fn now() -> Instant {
    context::current().map_or_else(Instant::now, |core| core.clock.instant())
}

/// Returns the addresses in their order, but with the families alternating while both have addresses left.
fn alternating(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let is_first_family = |address: &&SocketAddr| {
        addresses
            .first()
            .is_some_and(|first| first.is_ipv6() == address.is_ipv6())
    };
    let mut first_family = addresses.iter().filter(is_first_family);
    let mut other_family = addresses.iter().filter(|address| !is_first_family(address));
    let pairs = std::iter::from_fn(|| match (first_family.next(), other_family.next()) {
        (None, None) => None,
        (first, other) => Some([first, other]),
    });
    pairs.flatten().flatten().copied().collect()
}

/// The attempts that have begun.
struct Attempts {
    /// Reports the sockets of `pending`.
    poller: Poller,
    /// The poller's, with the loop.
    registration: Registration,
    pending: Vec<(SocketAddr, Stream)>,
    failed: Failures,
}

impl Attempts {
    fn new() -> io::Result<Self> {
        Ok(Self {
            poller: Poller::new()?,
            registration: Registration::new(),
            pending: Vec::new(),
            failed: Failures::default(),
        })
    }

    /// Begins an attempt. Returns the socket if it is connected already.
    ///
    /// # Errors
    /// If descriptors or memory are used up. A failed attempt is not an error here.
    fn begin(&mut self, address: SocketAddr) -> io::Result<Option<Stream>> {
        let begun = begin(&address.into()).and_then(|(socket, is_connected)| {
            if !is_connected {
                self.poller.add(socket.as_fd(), TOKEN)?;
            }
            Ok((socket, is_connected))
        });
        match begun {
            Ok((socket, true)) => return Ok(Some(socket)),
            Ok((socket, false)) => self.pending.push((address, socket)),
            // Attempts that have begun may still succeed.
            Err(error) if is_out_of_resources(&error) && self.pending.is_empty() => {
                return Err(error);
            }
            Err(error) => self.failed.0.push((address, error)),
        }
        Ok(None)
    }

    /// May suspend. Waits until an attempt ends, or until the next one is due. Returns the socket of an attempt that
    /// has succeeded.
    ///
    /// # Errors
    /// `TimedOut` at the deadline; the error of a wait.
    fn wait(
        &mut self,
        next: Option<Instant>,
        deadline: Option<Instant>,
    ) -> io::Result<Option<Stream>> {
        if self.pending.is_empty() {
            return Ok(None);
        }
        let until = [next, deadline].into_iter().flatten().min();
        let timeout = until.map(|until| until.saturating_duration_since(now()));
        let Self {
            poller,
            registration,
            pending,
            failed,
        } = self;
        let waited = registration.io(poller.as_fd(), Direction::Read, timeout, || {
            // This precedes the check of the sockets, so that no change is missed.
            poller.wait(Some(Duration::ZERO), BATCH, &mut |_| {})?;
            take_ended(pending, failed).ok_or_else(|| io::ErrorKind::WouldBlock.into())
        });
        match waited {
            // The next attempt is due.
            Err(error)
                // Not that of `timeout`, which has an inner error.
                if error.kind() == io::ErrorKind::TimedOut
                    && error.get_ref().is_none()
                    && next.is_some_and(|next| next <= now())
                    && deadline.is_none_or(|deadline| deadline > now()) =>
            {
                Ok(None)
            }
            result => result,
        }
    }
}

impl Drop for Attempts {
    fn drop(&mut self) {
        self.registration.deregister();
    }
}

/// Removes the attempts that have ended. Returns `None` if none has ended, the socket of one that succeeded, or
/// `Some(None)` if all that ended have failed.
fn take_ended(
    pending: &mut Vec<(SocketAddr, Stream)>,
    failed: &mut Failures,
) -> Option<Option<Stream>> {
    let n_failed = failed.0.len();
    let mut index = 0;
    while let Some((address, socket)) = pending.get(index) {
        match outcome(&SockRef::from(socket)) {
            Ok(()) => return Some(Some(pending.remove(index).1)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => index += 1,
            Err(error) => {
                failed.0.push((*address, error));
                pending.remove(index);
            }
        }
    }
    (failed.0.len() > n_failed).then_some(None)
}

/// The errors of all attempts, in the order in which they failed.
#[derive(Debug, Default)]
struct Failures(Vec<(SocketAddr, io::Error)>);

impl Failures {
    /// The error for the user. Its kind is the kind of the last error.
    fn into_io(self) -> io::Error {
        let last = self.0.last();
        let kind = last.map_or(io::ErrorKind::Other, |(_, error)| error.kind());
        io::Error::new(kind, self)
    }
}

impl Error for Failures {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let (_, error) = self.0.last()?;
        Some(error)
    }
}

impl_fmt!(Display for Failures, |this, f| {
    f.write_str("no address accepts the connection")?;
    let separators = std::iter::once(": ").chain(std::iter::repeat("; "));
    let mut failures = this.0.iter().zip(separators);
    failures.try_for_each(|((address, error), separator)| write!(f, "{separator}{address}: {error}"))
});
