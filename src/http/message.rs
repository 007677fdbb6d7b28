//! [`MessageTransport`]: the exchange of a request and a response on a connection. It is the layer
//! between ureq and the encryption, so it sees the bytes of the messages.
//!
//! It rewrites [heads](super::head) and [chunks](super::chunks) that ureq would refuse, detects an answer that
//! arrives before the whole request was sent, and distinguishes a connection that the server has closed while it
//! was idle from a connection that fails.

use std::error::Error as StdError;
use std::fmt;
use std::mem;
use std::time::Duration;

use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use super::buffers::HeldInput;
use super::chunks::Chunks;
use super::error::{Error, Kind, from_ureq};
use super::head::{
    HEAD_TOO_LARGE, HEADS_TOO_LARGE, MAX_HEAD_SIZE_BYTES, MAX_HEADS_SIZE_BYTES, State, examine,
};
use super::proxy_answer::ProxyTransport;
use super::transport::{deadline, remaining};

/// How long a server that has accepted a request early may take none of its bytes. The rest is not sent then.
const MAX_STALL: Duration = Duration::from_secs(10);

/// Adds a [`MessageTransport`] to a connection.
#[derive(Debug)]
pub(super) enum MessageConnector {
    Direct,
    /// To a proxy that forwards requests. The requests contain the whole URL.
    Forwarding,
    /// Through a proxy that connects to the server. The same connectors connect to the proxy.
    Tunnelling,
}

impl<In: Transport> Connector<In> for MessageConnector {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(inner) = chained else {
            return Ok(None);
        };
        let inner: Box<dyn Transport> = Box::new(inner);
        let origin = match self {
            Self::Tunnelling if details.config.proxy().is_none() => {
                return Ok(Some(Box::new(ProxyTransport::new(inner))));
            }
            Self::Forwarding => details.uri.authority().map(|to| format!("http://{to}")),
            _ => None,
        };
        Ok(Some(Box::new(MessageTransport {
            inner,
            phase: Phase::Idle,
            origin,
            is_reused: false,
            n_received: 0,
            n_at_answer: 0,
            chunks: None,
            held: HeldInput::default(),
            early_status: None,
            discards_output: false,
        })))
    }
}

/// A transport that tracks where messages begin.
#[derive(Debug)]
pub(super) struct MessageTransport {
    inner: Box<dyn Transport>,
    phase: Phase,
    /// The part before the path in requests: nothing, or scheme and host.
    origin: Option<String>,
    /// Whether an exchange has ended on this connection.
    is_reused: bool,
    /// The number of bytes that have arrived in this exchange before the answer's body.
    n_received: usize,
    /// The number of bytes in the buffer when the head of the answer was complete.
    n_at_answer: usize,
    /// The body of the answer, if it is chunked.
    chunks: Option<Chunks>,
    held: HeldInput,
    /// The status of an answer that arrived before the whole request was sent. Its head is in the
    /// buffer.
    early_status: Option<u16>,
    /// The request's bytes are discarded, because its answer has already arrived.
    discards_output: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Between two exchanges.
    Idle,
    /// From the first byte of the request to the last one of the response's head.
    Head,
    /// The response's head is in the buffer.
    Answer,
    /// After the response's head.
    Body,
}

impl Transport for MessageTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(
        &mut self,
        amount: usize,
        mut timeout: NextTimeout,
    ) -> Result<(), ureq::Error> {
        if self.discards_output {
            return Ok(());
        }
        match mem::replace(&mut self.phase, Phase::Head) {
            Phase::Idle => {
                self.n_received = 0;
                return self.begin(amount, timeout);
            }
            Phase::Head => {}
            // The answer has arrived together with an interim response that asks for the body.
            Phase::Answer | Phase::Body => {
                self.chunks = None;
                self.held.append_to(self.inner.buffers());
                self.find_early_answer()?;
            }
        }
        if let Some(status) = self.poll_answer(timeout)? {
            // Only after a success status may the rest of the request be needed.
            if status >= 300 {
                return Err(self.answered_early());
            }
            timeout.after = timeout.after.min(MAX_STALL.into());
        }
        match self.inner.transmit_output(amount, timeout) {
            Err(ureq::Error::Timeout(_)) if self.early_status.is_some() => {
                Err(self.answered_early())
            }
            result => result,
        }
    }

    fn await_input(&mut self, mut timeout: NextTimeout) -> Result<bool, ureq::Error> {
        if self.early_status.take().is_some() {
            self.examine(true);
            self.phase = Phase::Answer;
            return Ok(true);
        }
        match self.phase {
            Phase::Idle | Phase::Head => {}
            Phase::Answer => {
                let n_at_answer = mem::take(&mut self.n_at_answer);
                if n_at_answer > 0 && self.inner.buffers().input().len() == n_at_answer {
                    // ureq has waited for an interim response. It reads the answer next.
                    return Ok(true);
                }
                return self.begin_body(timeout);
            }
            Phase::Body => return self.await_body(timeout),
        }
        let deadline = deadline(timeout);
        loop {
            self.check_size()?;
            self.receive(timeout)?;
            match self.examine(true) {
                State::Hidden => {}
                State::Partial => return Ok(true),
                State::Complete(_) | State::Invalid => {
                    self.phase = Phase::Answer;
                    self.n_at_answer = self.inner.buffers().input().len();
                    return Ok(true);
                }
            }
            timeout = remaining(timeout, deadline)?;
        }
    }

    fn is_open(&mut self) -> bool {
        (self.phase, self.is_reused) = (Phase::Idle, true);
        self.chunks = None;
        // Bytes that are left belong to no response.
        self.held.0.is_empty() && self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

impl MessageTransport {
    /// Sends the first bytes of a request.
    fn begin(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let Some(origin) = &self.origin else {
            return self.inner.transmit_output(amount, timeout);
        };
        let bytes = &self.inner.buffers().output()[..amount];
        // The method ends with the first space.
        let n_method = bytes.iter().position(|&byte| byte == b' ').unwrap_or(0) + 1;
        let bytes = [&bytes[..n_method], origin.as_bytes(), &bytes[n_method..]].concat();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let output = self.inner.buffers().output();
            let n = rest.len().min(output.len());
            output[..n].copy_from_slice(&rest[..n]);
            self.inner.transmit_output(n, timeout)?;
            rest = &rest[n..];
        }
        Ok(())
    }

    /// Reads without waiting. Returns the status of the answer if its head has arrived.
    fn poll_answer(&mut self, timeout: NextTimeout) -> Result<Option<u16>, ureq::Error> {
        let at_once = NextTimeout {
            after: Duration::from_nanos(1).into(),
            ..timeout
        };
        if self.early_status.is_none() {
            self.check_size()?;
        } else if self.is_full() {
            return Err(self.answered_early());
        }
        match self.receive(at_once) {
            Ok(()) if self.early_status.is_none() => self.find_early_answer()?,
            Ok(()) | Err(ureq::Error::Timeout(_)) => {}
            Err(_) if self.early_status.is_some() => return Err(self.answered_early()),
            Err(error) => return Err(error),
        }
        Ok(self.early_status)
    }

    /// Looks for an answer in the buffer while the request is sent.
    fn find_early_answer(&mut self) -> Result<(), ureq::Error> {
        match self.examine(false) {
            State::Complete(status) => self.early_status = Some(status),
            State::Invalid => return Err(self.answered_early()),
            State::Partial | State::Hidden => {}
        }
        Ok(())
    }

    /// Reads bytes, at least one.
    fn receive(&mut self, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let n_before = self.inner.buffers().input().len();
        let error = match self.inner.await_input(timeout) {
            Ok(true) => {
                self.n_received += self.inner.buffers().input().len() - n_before;
                return Ok(());
            }
            Ok(false) => Error::new(Kind::Disconnected),
            Err(error @ ureq::Error::Timeout(_)) => return Err(error),
            Err(error) => from_ureq(error),
        };
        let is_stale = error.is_disconnected() && self.is_reused && self.n_received == 0;
        Err(match is_stale {
            true => Error::new(Kind::Stale).with_source(error).into_ureq(),
            false => error.into_ureq(),
        })
    }

    /// Examines the head in the buffer, and rewrites it if necessary.
    fn examine(&mut self, keeps_interim: bool) -> State {
        let input = self.inner.buffers().input();
        let examined = examine(input, keeps_interim);
        let mut rewritten = examined.rewritten;
        if examined.is_chunked && keeps_interim {
            // ureq would read the body from the buffer: the chunks come after the head has been read.
            self.chunks = Some(Chunks::new());
            let at = examined.body_at;
            if at < rewritten.as_deref().unwrap_or(input).len() {
                let bytes = rewritten.get_or_insert_with(|| input.to_vec());
                let body = bytes.split_off(at);
                self.held.0.splice(..0, body);
            }
        }
        if let Some(bytes) = rewritten {
            self.held.replace_input(self.inner.buffers(), &bytes);
        }
        let buffers = self.inner.buffers();
        if !keeps_interim {
            // So that ureq calls `await_input` before it uses bytes that came during the upload.
            buffers.input_consume(0);
        }
        examined.state
    }

    /// Receives bytes of the body, after ureq has read the head.
    fn begin_body(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.phase = Phase::Body;
        if let Some(chunks) = &mut self.chunks {
            let rewritten = chunks.rewrite(&self.held.0).map_err(Error::into_ureq)?;
            self.held.0 = rewritten.unwrap_or_else(|| mem::take(&mut self.held.0));
        }
        self.await_body(timeout)
    }

    /// Receives bytes of the body. Returns whether there are any.
    fn await_body(&mut self, mut timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let deadline = deadline(timeout);
        loop {
            if !self.held.0.is_empty() {
                return match self.held.append_to(self.inner.buffers()) {
                    true => Ok(true),
                    // The buffer is full of a head that is too large now that it is rewritten.
                    false => Err(Error::new(HEAD_TOO_LARGE).into_ureq()),
                };
            }
            let n_before = self.inner.buffers().input().len();
            let has_received = match self.inner.await_input(timeout) {
                Ok(has_received) => has_received,
                Err(error) => match from_ureq(error) {
                    // A server that closes before it has read the whole request resets the connection.
                    error if self.discards_output && error.is_disconnected() => return Ok(false),
                    // Wrapped: ureq takes an encrypted stream that was cut off for the end of the body.
                    error => return Err(error.into_ureq()),
                },
            };
            let input = self.inner.buffers().input();
            let Some(chunks) = self.chunks.as_mut().filter(|_| has_received) else {
                return Ok(has_received);
            };
            let rewritten = chunks.rewrite(&input[n_before..]);
            let Some(rewritten) = rewritten.map_err(Error::into_ureq)? else {
                return Ok(true);
            };
            let bytes = [&input[..n_before], &rewritten].concat();
            self.held.replace_input(self.inner.buffers(), &bytes);
            if !bytes.is_empty() {
                return Ok(true);
            }
            // ureq takes an empty buffer for the end of the body.
            timeout = remaining(timeout, deadline)?;
        }
    }

    /// # Errors
    /// If more bytes have arrived than a head and the interim responses before it may have.
    fn check_size(&mut self) -> Result<(), ureq::Error> {
        if self.is_full() {
            return Err(Error::new(HEAD_TOO_LARGE).into_ureq());
        }
        if self.n_received >= MAX_HEADS_SIZE_BYTES {
            return Err(Error::new(HEADS_TOO_LARGE).into_ureq());
        }
        Ok(())
    }

    /// Whether the buffer is full.
    fn is_full(&mut self) -> bool {
        let buffers = self.inner.buffers();
        buffers.input().len() >= MAX_HEAD_SIZE_BYTES
            || buffers.input_append_buf().is_empty()
            || !self.held.0.is_empty()
    }

    /// Ends the request: the error contains the connection, with the answer.
    fn answered_early(&mut self) -> ureq::Error {
        let gone = Self {
            // This transport is never used: ureq drops a connection that has failed.
            inner: Box::new(()),
            phase: Phase::Body,
            origin: None,
            is_reused: false,
            n_received: 0,
            n_at_answer: 0,
            chunks: None,
            held: HeldInput::default(),
            early_status: None,
            discards_output: true,
        };
        let answered = Self {
            early_status: Some(0),
            discards_output: true,
            ..mem::replace(self, gone)
        };
        ureq::Error::Other(Box::new(EarlyAnswer(answered)))
    }
}

/// Error: a server has answered before it has received the whole request, and accepts no more of
/// it.
#[derive(Debug)]
pub(super) struct EarlyAnswer(pub(super) MessageTransport);

impl fmt::Display for EarlyAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server has answered early")
    }
}

impl StdError for EarlyAnswer {}
