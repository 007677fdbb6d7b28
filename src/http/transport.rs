//! The connections of ureq: sockets of [`net`](crate::net), which park the task.
//!
//! Nothing here may suspend while ureq holds a lock: ureq locks its pool while it looks for a connection,
//! asks connections whether they are open, and drops those that are not.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use ureq::Timeout;
use ureq::unversioned::transport::time::Duration as UreqDuration;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, NextTimeout, ShutdownHandle, Transport,
};

use super::buffers::ConnectionBuffers;
use super::error::{Error, Kind, from_io, is_bare_timeout, is_request_to_end};
use crate::net::{Shutdown, TcpStream};
use crate::runtime::core::context;

/// Opens connections, unless one was opened already: the tunnel of a proxy.
#[derive(Debug)]
pub(super) struct SocketConnector;

impl<In: Transport> Connector<In> for SocketConnector {
    type Out = Either<In, SocketTransport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        if details.needs_tls() && !cfg!(feature = "tls") {
            return Err(ureq::Error::TlsRequired);
        }
        if let Some(tunnel) = chained {
            return Ok(Some(Either::A(tunnel)));
        }
        let stream = connect(&details.addrs, details.timeout)?;
        stream.set_nodelay(true)?;
        let stream = Arc::new(SharedStream(stream));
        let weak: Weak<SharedStream> = Arc::downgrade(&stream);
        (details.register_shutdown)(weak)?;
        Ok(Some(Either::B(SocketTransport {
            stream,
            buffers: ConnectionBuffers::default(),
            unsent: Vec::new(),
            write_error: None,
            loop_id: loop_id(),
            was_used: false,
        })))
    }
}

/// May suspend. Connects to the first of the addresses that answers.
fn connect(addresses: &[SocketAddr], timeout: NextTimeout) -> Result<TcpStream, ureq::Error> {
    let limit = Limit::new(timeout);
    TcpStream::connect_to_any(addresses, limit.remaining()?).map_err(|error| match addresses {
        _ if is_bare_timeout(&error) => ureq::Error::Timeout(timeout.reason),
        _ if is_request_to_end(&error) => from_io(error).into_ureq(),
        [] => ureq::Error::ConnectionFailed,
        // With several addresses, the source lists each of them.
        [first, ..] => Error::new(Kind::Connect(*first))
            .with_source(error)
            .into_ureq(),
    })
}

/// A connection.
///
/// A peer may answer before it has read everything, and then stop reading, or close the connection. So a write
/// ends early when bytes can be read, and the remaining bytes are kept in `unsent`. An error of a write is kept
/// as well, until a read has shown that there is no answer.
#[derive(Debug)]
pub(super) struct SocketTransport {
    stream: Arc<SharedStream>,
    buffers: ConnectionBuffers,
    /// Bytes that are sent before all others.
    unsent: Vec<u8>,
    /// The connection accepts no more bytes: output is discarded.
    write_error: Option<io::Error>,
    /// The loop that opened the connection, which is used in no other; `None` where it blocks the thread.
    loop_id: Option<u64>,
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
        let limit = Limit::new(timeout.for_write());
        self.send_unsent(limit)?;
        let mut rest = &self.buffers.output()[..amount];
        while !rest.is_empty() && self.write_error.is_none() {
            let written = match self.unsent[..] {
                [] => write(&self.stream.0, rest, limit)?,
                _ => Written::Nothing,
            };
            match written {
                Written::Bytes(n) => rest = &rest[n..],
                Written::Nothing => {
                    self.unsent.extend_from_slice(rest);
                    break;
                }
                Written::Failed(error) => self.write_error = Some(error),
            }
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let limit = Limit::new(timeout.for_read());
        // A peer that waits for these bytes never answers, so the read reports a timeout.
        match self.send_unsent(limit) {
            Ok(()) | Err(ureq::Error::Timeout(_)) => {}
            Err(error) => return Err(error),
        }
        let stream = &self.stream.0;
        let remaining = match self.write_error {
            // On a connection that accepts no bytes a read does not wait: it returns an answer or the end of the
            // stream.
            Some(_) => Some(Duration::from_secs(1)),
            None => limit.remaining().unwrap_or(Some(Duration::from_nanos(1))),
        };
        stream.set_read_timeout(remaining)?;
        let mut read = { stream }.read(self.buffers.input_append_buf());
        if matches!(read, Ok(0))
            && let Some(error) = self.write_error.take()
        {
            read = Err(error);
        }
        let n = read.map_err(|error| to_ureq(error, limit.reason))?;
        self.buffers.input_appended(n);
        Ok(n > 0)
    }

    /// Never suspends: ureq calls it under a lock.
    ///
    /// ureq calls it twice: at the end of a response, before the connection returns to the pool, and before
    /// the connection is reused. Only the second call makes a system call, to check the socket.
    fn is_open(&mut self) -> bool {
        if !self.unsent.is_empty() || self.write_error.is_some() {
            return false;
        }
        if std::mem::take(&mut self.was_used) {
            self.buffers.shrink();
            return true;
        }
        self.loop_id == loop_id() && is_silent(&self.stream.0)
    }
}

impl SocketTransport {
    /// May suspend. Sends `unsent` until all bytes are sent or bytes can be read.
    fn send_unsent(&mut self, limit: Limit) -> Result<(), ureq::Error> {
        while !self.unsent.is_empty() {
            match write(&self.stream.0, &self.unsent, limit)? {
                Written::Bytes(n) => drop(self.unsent.drain(..n)),
                Written::Nothing => break,
                Written::Failed(error) => {
                    self.write_error = Some(error);
                    self.unsent.clear();
                }
            }
        }
        Ok(())
    }
}

/// The deadline of an operation, and the timeout that has set it.
#[derive(Clone, Copy)]
struct Limit {
    /// `None` for no limit.
    deadline: Option<Instant>,
    reason: Timeout,
}

impl Limit {
    fn new(timeout: NextTimeout) -> Self {
        Self {
            deadline: deadline(timeout),
            reason: timeout.reason,
        }
    }

    /// The time until the deadline, or ureq's error if it has passed.
    fn remaining(self) -> Result<Option<Duration>, ureq::Error> {
        let Some(deadline) = self.deadline else {
            return Ok(None);
        };
        match deadline.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(ureq::Error::Timeout(self.reason)),
            remaining => Ok(Some(remaining)),
        }
    }
}

/// The result of a write.
enum Written {
    /// The number of written bytes, at least one.
    Bytes(usize),
    /// Nothing was written, because bytes can be read first.
    Nothing,
    /// The connection accepts no more bytes. There may still be bytes to read.
    Failed(io::Error),
}

/// May suspend. Writes bytes, at least one.
fn write(stream: &TcpStream, bytes: &[u8], limit: Limit) -> Result<Written, ureq::Error> {
    match stream.write_unless_readable(bytes, limit.remaining()?) {
        Ok(Some(0)) => Ok(Written::Failed(io::ErrorKind::WriteZero.into())),
        Ok(Some(n)) => Ok(Written::Bytes(n)),
        Ok(None) => Ok(Written::Nothing),
        Err(error) if error.raw_os_error().is_some() => Ok(Written::Failed(error)),
        Err(error) => Err(to_ureq(error, limit.reason)),
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

/// When the timeout expires; `None` for never.
pub(super) fn deadline(timeout: NextTimeout) -> Option<Instant> {
    duration(timeout).and_then(|after| Instant::now().checked_add(after))
}

/// The timeout for what remains until the deadline.
pub(super) fn remaining(
    mut timeout: NextTimeout,
    deadline: Option<Instant>,
) -> Result<NextTimeout, ureq::Error> {
    if let Some(deadline) = deadline {
        let remaining = deadline.saturating_duration_since(Instant::now());
        if remaining.is_zero() {
            return Err(ureq::Error::Timeout(timeout.reason));
        }
        timeout.after = remaining.into();
    }
    Ok(timeout)
}

/// Converts an error of a transfer for ureq. The error is wrapped, because ureq treats some of std's errors
/// as the end of a response.
fn to_ureq(error: io::Error, reason: Timeout) -> ureq::Error {
    if is_bare_timeout(&error) {
        return ureq::Error::Timeout(reason);
    }
    from_io(error).into_ureq()
}
