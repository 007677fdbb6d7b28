//! What ureq connects and transfers by: our sockets, which park the task.
//!
//! Nothing here may suspend where ureq holds a lock: it does while it looks for a connection in its
//! pool, which asks each whether it is still open, and drops those that are not.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use ureq::unversioned::transport::time::Duration as Left;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, NextTimeout, ShutdownHandle, Transport,
};
use ureq::{Agent, Timeout};

use super::buffers::Bytes;
use super::error::{Error, Kind};
use crate::net::{Shutdown, TcpStream};
use crate::runtime::core::context;

/// Opens connections.
#[derive(Debug)]
pub(super) struct SocketConnector {
    pub(super) jar: Jar,
}

impl Connector for SocketConnector {
    type Out = Socket;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _chained: Option<()>,
    ) -> Result<Option<Socket>, ureq::Error> {
        if details.needs_tls() && !cfg!(feature = "tls") {
            return Err(ureq::Error::TlsRequired);
        }
        let stream = connect(&details.addrs, details.timeout)?;
        stream.set_nodelay(true)?;
        let stream = Arc::new(Stream(stream));
        let weak: Weak<Stream> = Arc::downgrade(&stream);
        (details.register_shutdown)(weak)?;
        Ok(Some(Socket {
            stream,
            bytes: Bytes::default(),
            loop_id: loop_id(),
            jar: self.jar.clone(),
            was_used: false,
        }))
    }
}

/// May suspend. Tries one address after the other; each gets an equal share of the time that is left.
fn connect(addresses: &[SocketAddr], timeout: NextTimeout) -> Result<TcpStream, ureq::Error> {
    let deadline = duration(timeout).and_then(|left| Instant::now().checked_add(left));
    let mut last_error = ureq::Error::ConnectionFailed;
    for (index, address) in addresses.iter().enumerate() {
        let connected = match deadline {
            None => TcpStream::connect(address),
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                let n_left = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
                if left.is_zero() {
                    return Err(ureq::Error::Timeout(timeout.reason));
                }
                // A share of less than a nanosecond would be none.
                TcpStream::connect_timeout(address, (left / n_left).max(Duration::from_nanos(1)))
            }
        };
        last_error = match connected {
            Ok(stream) => return Ok(stream),
            Err(error) if is_our_timeout(&error) => ureq::Error::Timeout(timeout.reason),
            Err(error) => Error::new(Kind::Connect(*address))
                .because(error)
                .travelling(),
        };
    }
    Err(last_error)
}

/// A connection.
#[derive(Debug)]
pub(super) struct Socket {
    stream: Arc<Stream>,
    bytes: Bytes,
    /// The loop that it was opened in, and stays in; none where it blocks the thread.
    loop_id: Option<u64>,
    jar: Jar,
    /// Whether it has transferred something since it was last asked whether it is open.
    was_used: bool,
}

/// Shared with ureq's list of what to close when the session is.
#[derive(Debug)]
struct Stream(TcpStream);

impl ShutdownHandle for Stream {
    fn shutdown(&self) {
        // Whoever waits for it finds the end of the stream. An error says that it is over already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

impl Transport for Socket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.bytes
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.was_used = true;
        let timeout = timeout.for_write();
        let deadline = duration(timeout).and_then(|left| Instant::now().checked_add(left));
        let mut rest = &self.bytes.output()[..amount];
        let stream = &self.stream.0;
        while !rest.is_empty() {
            stream.set_write_timeout(left(deadline, timeout.reason)?)?;
            match { stream }.write(rest) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Ok(n) => rest = &rest[n..],
                Err(error) if is_our_timeout(&error) => {
                    return Err(ureq::Error::Timeout(timeout.reason));
                }
                Err(error) => return Err(error.into()),
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
        match { stream }.read(self.bytes.input_append_buf()) {
            Ok(n) => {
                self.bytes.input_appended(n);
                Ok(n > 0)
            }
            Err(error) if is_our_timeout(&error) => Err(ureq::Error::Timeout(timeout.reason)),
            Err(error) => Err(error.into()),
        }
    }

    /// Never suspends: ureq asks under a lock.
    ///
    /// It asks twice: at the end of an answer, before the connection goes to the pool, and before the connection is
    /// used again. Only the second time matters, and costs a system call.
    fn is_open(&mut self) -> bool {
        if std::mem::take(&mut self.was_used) {
            self.jar.empty_if_unwanted();
            self.bytes.shrink();
            return true;
        }
        self.loop_id == loop_id() && is_silent(&self.stream.0)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.jar.empty_if_unwanted();
    }
}

/// Whether nothing has come and nothing has ended. A server that says something unasked has either
/// closed the connection or sent more than it said it would.
fn is_silent(stream: &TcpStream) -> bool {
    let is_silent = stream.set_nonblocking(true).is_ok()
        && stream
            .peek(&mut [0])
            .is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
    is_silent && stream.set_nonblocking(false).is_ok()
}

/// The loop that runs on this thread.
fn loop_id() -> Option<u64> {
    context::current().map(|core| core.id)
}

/// How long something may take.
pub(super) fn duration(timeout: NextTimeout) -> Option<Duration> {
    match timeout.after {
        Left::Exact(after) => Some(after),
        Left::NotHappening => None,
    }
}

/// What is left until a deadline, which is not over.
fn left(deadline: Option<Instant>, reason: Timeout) -> Result<Option<Duration>, ureq::Error> {
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    match left {
        Some(Duration::ZERO) => Err(ureq::Error::Timeout(reason)),
        left => Ok(left),
    }
}

/// Whether a wait took longer than it was to: the system's own timeouts have a number.
fn is_our_timeout(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::TimedOut && error.raw_os_error().is_none()
}

/// The session's cookies, as far as connections are concerned.
///
/// ureq keeps cookies whenever it can. A session that wants none has its jar emptied before each
/// request, and after each answer that is followed by another request, a redirect: between storing an
/// answer's cookies and sending the next request ureq either asks the connection whether it is open or
/// drops it, and nothing else runs in between. `tests/http/cookies.rs` holds it to that.
#[derive(Clone, Debug, Default)]
pub(super) struct Jar {
    unwanted_of: Option<Arc<OnceLock<Weak<Agent>>>>,
}

impl Jar {
    /// The jar of a session that wants no cookies; its agent is told to it once there is one.
    pub(super) fn unwanted() -> Self {
        Self {
            unwanted_of: Some(Arc::default()),
        }
    }

    pub(super) fn belongs_to(&self, agent: &Arc<Agent>) {
        if let Some(of) = &self.unwanted_of {
            let _ = of.set(Arc::downgrade(agent));
        }
    }

    pub(super) fn empty_if_unwanted(&self) {
        let agent = self.unwanted_of.as_ref().and_then(|of| of.get());
        if let Some(agent) = agent.and_then(Weak::upgrade) {
            agent.cookie_jar_lock().clear();
        }
    }
}
