//! Interrupts one operation in the middle, and checks the state that is left.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;
use std::time::Duration;

use selvedge::net::unix::UnixStream;
use selvedge::{Task, run, spawn};
use socket2::SockRef;

use crate::interrupt::By;

/// The state that an interruption leaves, in the words of the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Whole,
    Lost,
    Twice,
    Over,
    Dropped,
    Cancelled,
}

impl State {
    pub fn words(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Lost => "bytes are lost",
            Self::Twice => "bytes are written twice",
            Self::Over => "over",
            Self::Dropped => "the value is dropped",
            Self::Cancelled => "what it waits for is cancelled",
        }
    }
}

/// A row of the table: an operation, and the state that each way to interrupt it leaves.
pub struct Row {
    pub operation: &'static str,
    pub state: State,
}

impl Row {
    /// Determines the state after each of these interruptions. All states have to be equal.
    pub fn of(operation: &'static str, ways: &[By], state: impl Fn(By) -> State) -> Self {
        let states: Vec<_> = ways.iter().map(|&by| (by, state(by))).collect();
        let (_, first) = states[0];
        assert!(
            states.iter().all(|&(_, state)| state == first),
            "{operation} depends on what interrupts it: {states:?}"
        );
        Self {
            operation,
            state: first,
        }
    }
}

/// The moment of the interruption in a probe.
pub struct Middle<'a> {
    by: By,
    stream: &'a UnixStream,
    /// Makes the peer continue.
    resume: &'a dyn Fn(),
}

impl<'a> Middle<'a> {
    pub fn new(by: By, stream: &'a UnixStream, resume: &'a dyn Fn()) -> Self {
        Self { by, stream, resume }
    }

    /// Runs an operation, which is interrupted where it waits for the peer. After this the peer
    /// continues.
    pub fn of<T>(&self, operation: impl FnOnce() -> io::Result<T>) {
        let after = Duration::from_millis(1);
        if let Some(result) = self.by.interrupts(self.stream, after, operation) {
            panic!("it was not interrupted: {:?}", result.map(drop));
        }
        (self.resume)();
    }
}

/// All bytes that a probe has read. `None` if the probe can't continue.
pub type Outcome = Option<Vec<u8>>;

/// The state of a probe that should have read these bytes.
pub fn compare(outcome: Outcome, expected: &[u8]) -> State {
    match outcome {
        None => State::Over,
        Some(bytes) if bytes == expected => State::Whole,
        Some(bytes) if bytes.len() < expected.len() => State::Lost,
        Some(bytes) if bytes.len() > expected.len() => State::Twice,
        Some(_) => panic!("the bytes are other bytes"),
    }
}

/// A probe of an operation that reads. The peer sends a part of the bytes, and the rest after the interruption.
pub fn reading(
    operation: &'static str,
    sent: &[u8],
    n_before: usize,
    expected: &[u8],
    probe: impl Fn(&UnixStream, &Middle<'_>) -> Outcome,
) -> Row {
    Row::of(operation, &By::ALL, |by| {
        run(|| {
            let (stream, peer) = UnixStream::pair().unwrap();
            (&peer).write_all(&sent[..n_before]).unwrap();
            let resume = || {
                (&peer).write_all(&sent[n_before..]).unwrap();
                peer.shutdown(Shutdown::Write).unwrap();
            };
            let outcome = probe(&stream, &Middle::new(by, &stream, &resume));
            compare(outcome, expected)
        })
    })
}

/// A probe of an operation that writes more bytes than the socket accepts. The peer reads after the interruption. The
/// received bytes are decoded and compared with the sent ones.
pub fn writing(
    operation: &'static str,
    expected: &[u8],
    decode: impl Fn(Vec<u8>) -> Vec<u8>,
    probe: impl Fn(&UnixStream, &Middle<'_>) -> Option<()>,
) -> Row {
    Row::of(operation, &By::ALL, |by| {
        run(|| {
            let (stream, peer) = UnixStream::pair().unwrap();
            SockRef::from(&stream).set_send_buffer_size(1).unwrap();
            let peer = Rc::new(peer);
            let received: Cell<Option<Task<Vec<u8>>>> = Cell::default();
            let resume = || {
                let peer = Rc::clone(&peer);
                received.set(Some(spawn(move || {
                    let mut received = Vec::new();
                    (&*peer).read_to_end(&mut received).unwrap();
                    received
                })));
            };
            let outcome = probe(&stream, &Middle::new(by, &stream, &resume));
            stream.shutdown(Shutdown::Write).unwrap();
            let received = received.take().expect("the probe was interrupted");
            let received = received.join().unwrap();
            compare(outcome.map(|()| decode(received)), expected)
        })
    })
}
