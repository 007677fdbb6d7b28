//! The connections of ureq: sockets of [`net`](crate::net), which park the task.
//!
//! Nothing here may suspend while ureq holds a lock: ureq locks its pool while it looks for a connection,
//! asks connections whether they are open, and drops those that are not.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use ureq::Timeout;
use ureq::unversioned::transport::time::Duration as UreqDuration;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, NextTimeout, ShutdownHandle, Transport,
};

use super::buffers::ConnectionBuffers;
use super::cookies::CookiePolicy;
use super::error::{Error, Kind};
use crate::net::{Shutdown, TcpStream};
use crate::runtime::core::context;

/// Opens connections.
#[derive(Debug)]
pub(super) struct SocketConnector(pub(super) CookiePolicy);

impl Connector for SocketConnector {
    type Out = SocketTransport;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _chained: Option<()>,
    ) -> Result<Option<SocketTransport>, ureq::Error> {
        if details.needs_tls() && !cfg!(feature = "tls") {
            return Err(ureq::Error::TlsRequired);
        }
        let stream = connect(&details.addrs, details.timeout)?;
        stream.set_nodelay(true)?;
        let stream = Arc::new(SharedStream(stream));
        let weak: Weak<SharedStream> = Arc::downgrade(&stream);
        (details.register_shutdown)(weak)?;
        Ok(Some(SocketTransport {
            stream,
            buffers: ConnectionBuffers::default(),
            loop_id: loop_id(),
            cookies: self.0.clone(),
            was_used: false,
        }))
    }
}

/// May suspend. Tries the addresses in order; each gets an equal share of the remaining time.
fn connect(addresses: &[SocketAddr], timeout: NextTimeout) -> Result<TcpStream, ureq::Error> {
    let deadline = deadline_of(timeout);
    let mut last_error = ureq::Error::ConnectionFailed;
    for (index, address) in addresses.iter().enumerate() {
        let connected = match deadline {
            None => TcpStream::connect(address),
            Some(deadline) => {
                let remaining = remaining(deadline, timeout.reason)?;
                let n_remaining = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
                // A share of zero would be an invalid timeout.
                let share = (remaining / n_remaining).max(Duration::from_nanos(1));
                TcpStream::connect_timeout(address, share)
            }
        };
        last_error = match connected {
            Ok(stream) => return Ok(stream),
            Err(error) if is_own_timeout(&error) => ureq::Error::Timeout(timeout.reason),
            Err(error) => Error::new(Kind::Connect(*address))
                .with_source(error)
                .into_ureq(),
        };
    }
    Err(last_error)
}

/// A connection.
#[derive(Debug)]
pub(super) struct SocketTransport {
    stream: Arc<SharedStream>,
    buffers: ConnectionBuffers,
    /// The loop that opened the connection, which is used in no other; `None` where it blocks the thread.
    loop_id: Option<u64>,
    cookies: CookiePolicy,
    /// Whether bytes were transferred since the last call of `is_open`.
    was_used: bool,
}

/// A stream that is shared with ureq's list of connections to close with the session.
#[derive(Debug)]
struct SharedStream(TcpStream);

impl ShutdownHandle for SharedStream {
    fn shutdown(&self) {
        // A task that waits for the stream gets its end. An error means that the connection is closed.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

impl Transport for SocketTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.was_used = true;
        let timeout = timeout.for_write();
        let deadline = deadline_of(timeout);
        let mut rest = &self.buffers.output()[..amount];
        let stream = &self.stream.0;
        while !rest.is_empty() {
            let remaining = deadline.map(|deadline| remaining(deadline, timeout.reason));
            stream.set_write_timeout(remaining.transpose()?)?;
            match { stream }
                .write(rest)
                .map_err(|error| to_ureq(error, timeout))?
            {
                0 => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                n => rest = &rest[n..],
            }
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let timeout = timeout.for_read();
        let stream = &self.stream.0;
        let after = duration(timeout);
        if after.is_some_and(|after| after.is_zero()) {
            return Err(ureq::Error::Timeout(timeout.reason));
        }
        stream.set_read_timeout(after)?;
        let n = { stream }
            .read(self.buffers.input_append_buf())
            .map_err(|error| to_ureq(error, timeout))?;
        self.buffers.input_appended(n);
        Ok(n > 0)
    }

    /// Never suspends: ureq calls it under a lock.
    ///
    /// ureq calls it twice: at the end of a response, before the connection returns to the pool, and before
    /// the connection is reused. Only the second call makes a system call, to check the socket.
    fn is_open(&mut self) -> bool {
        if std::mem::take(&mut self.was_used) {
            self.cookies.apply();
            self.buffers.shrink();
            return true;
        }
        self.loop_id == loop_id() && is_silent(&self.stream.0)
    }
}

impl Drop for SocketTransport {
    fn drop(&mut self) {
        self.cookies.apply();
    }
}

/// Whether the stream has neither bytes nor its end to read. An idle connection with either is unusable:
/// the server has closed it, or sent more bytes than it announced.
fn is_silent(stream: &TcpStream) -> bool {
    let is_silent = stream.set_nonblocking(true).is_ok()
        && stream
            .peek(&mut [0])
            .is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
    is_silent && stream.set_nonblocking(false).is_ok()
}

/// The ID of the loop that runs on this thread.
fn loop_id() -> Option<u64> {
    context::current().map(|core| core.id)
}

/// The timeout as std's type; `None` for no limit.
pub(super) fn duration(timeout: NextTimeout) -> Option<Duration> {
    match timeout.after {
        UreqDuration::Exact(after) => Some(after),
        UreqDuration::NotHappening => None,
    }
}

/// The deadline of an operation that begins now; `None` for no limit.
fn deadline_of(timeout: NextTimeout) -> Option<Instant> {
    duration(timeout).and_then(|after| Instant::now().checked_add(after))
}

/// The time until a deadline, or ureq's error if it has passed.
fn remaining(deadline: Instant, reason: Timeout) -> Result<Duration, ureq::Error> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(ureq::Error::Timeout(reason)),
        remaining => Ok(remaining),
    }
}

/// An error of a transfer as ureq's.
fn to_ureq(error: io::Error, timeout: NextTimeout) -> ureq::Error {
    if is_own_timeout(&error) {
        return ureq::Error::Timeout(timeout.reason);
    }
    error.into()
}

/// Whether the timeout of a socket of this crate caused an error: the system's timeouts have an error number.
fn is_own_timeout(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::TimedOut && error.raw_os_error().is_none()
}
