//! [`ProxyTransport`]: the connection to a proxy that is asked to connect to a server.

use std::time::Instant;

use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};

use super::buffers::HeldInput;
use super::error::Error;
use super::head::{
    HEAD_TOO_LARGE, HEADS_TOO_LARGE, MAX_HEAD_SIZE_BYTES, MAX_HEADS_SIZE_BYTES, State, examine,
};
use super::transport::{deadline, remaining};

/// A transport that reduces the proxy's answer to its status.
///
/// ureq accepts neither an interim response nor more than 20 headers, nor another status of success than 200, and
/// begins its timeout again with each part of the answer.
#[derive(Debug)]
pub(super) struct ProxyTransport {
    inner: Box<dyn Transport>,
    progress: Progress,
}

#[derive(Debug)]
enum Progress {
    Asked,
    /// The proxy has until this time to answer.
    Waiting {
        deadline: Option<Instant>,
        n_received: usize,
    },
    Answered,
}

impl ProxyTransport {
    pub(super) fn new(inner: Box<dyn Transport>) -> Self {
        Self {
            inner,
            progress: Progress::Asked,
        }
    }
}

impl Transport for ProxyTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        loop {
            let (deadline, n_before) = match self.progress {
                Progress::Asked => (deadline(timeout), 0),
                Progress::Waiting {
                    deadline,
                    n_received,
                } => (deadline, n_received),
                Progress::Answered => return self.inner.await_input(timeout),
            };
            let n_kept = self.inner.buffers().input().len();
            if !self.inner.await_input(remaining(timeout, deadline)?)? {
                return Ok(false);
            }
            let input = self.inner.buffers().input();
            let n_received = n_before + input.len() - n_kept;
            let examined = examine(input, false);
            let mut input = examined.rewritten.unwrap_or_else(|| input.to_vec());
            self.progress = match examined.state {
                State::Complete(status) => {
                    let status = if matches!(status, 200..300) {
                        200
                    } else {
                        status
                    };
                    let head = format!("HTTP/1.1 {status:03}\r\n\r\n");
                    input.splice(..examined.body_at, head.into_bytes());
                    Progress::Answered
                }
                State::Invalid => Progress::Answered,
                _ if input.len() >= MAX_HEAD_SIZE_BYTES => {
                    return Err(Error::new(HEAD_TOO_LARGE).into_ureq());
                }
                _ if n_received >= MAX_HEADS_SIZE_BYTES => {
                    return Err(Error::new(HEADS_TOO_LARGE).into_ureq());
                }
                _ => Progress::Waiting {
                    deadline,
                    n_received,
                },
            };
            // Never longer than the bytes that were received.
            HeldInput::default().replace_input(self.inner.buffers(), &input);
            if matches!(self.progress, Progress::Answered) {
                return Ok(true);
            }
        }
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
