//! The place in a file where the next read or write begins. It belongs to the file and its clones, not
//! to the operating system, so that an operation that was cancelled leaves it where it was.
//!
//! Whoever reads or writes *takes* it, and whoever comes meanwhile waits in line, be it a task of this
//! loop, a task of another or a thread without one. What is taken may travel with a job: a write that
//! was cancelled when a thread had begun with it moves the cursor when it has ended, and only then
//! others see the file.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use crate::runtime::core::context::WaitError;
use crate::runtime::threads::waker_registry;
use crate::runtime::wait::here::task_context;

/// A cursor, shared by the clones of a file.
#[derive(Debug)]
pub(super) struct Cursor(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    position: u64,
    /// What was read from a stream for somebody who did not wait for it.
    carry: VecDeque<u8>,
    is_taken: bool,
    n_tickets: u64,
    /// In the order in which they came.
    waiting: VecDeque<(u64, Waker)>,
}

impl Cursor {
    pub(super) fn new(position: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            position,
            ..State::default()
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code of the user's runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// May suspend: waits until nobody has the cursor, and takes it.
    ///
    /// # Errors
    /// That somebody has it, where nothing can wait: in a callback, while panicking.
    pub(super) fn take(self: &Arc<Self>) -> io::Result<Taken> {
        if let Some(taken) = self.try_take() {
            return Ok(taken);
        }
        let waiting = Waiting {
            cursor: self,
            ticket: Cell::new(None),
        };
        match task_context() {
            Ok(here) => Ok(waker_registry::wait_in_line(
                here,
                &"another operation on the same file",
                &|| waiting.leave(),
                |context| waiting.poll(context),
            )),
            Err(WaitError::NoLoop) => Ok(block_on(|context| waiting.poll(context))),
            Err(why) => {
                let kind = io::ErrorKind::WouldBlock;
                Err(io::Error::new(kind, why.sentence()))
            }
        }
    }

    fn try_take(self: &Arc<Self>) -> Option<Taken> {
        let mut state = self.lock();
        if state.is_taken || !state.waiting.is_empty() {
            return None;
        }
        state.is_taken = true;
        Some(Taken(Arc::clone(self)))
    }
}

/// Somebody who waits for the cursor.
struct Waiting<'a> {
    cursor: &'a Arc<Cursor>,
    /// Its place in line, once it has one.
    ticket: Cell<Option<u64>>,
}

impl Waiting<'_> {
    fn poll(&self, context: &mut Context<'_>) -> Poll<Taken> {
        let waker = context.waker().clone();
        let mut state = self.cursor.lock();
        let ticket = self.ticket.get().unwrap_or_else(|| {
            state.n_tickets += 1;
            state.n_tickets
        });
        self.ticket.set(Some(ticket));
        let index = state.waiting.iter().position(|entry| entry.0 == ticket);
        let is_first = index.unwrap_or(state.waiting.len()) == 0;
        if !state.is_taken && is_first {
            let entry = index.and_then(|index| state.waiting.remove(index));
            state.is_taken = true;
            drop(state);
            drop((entry, waker));
            return Poll::Ready(Taken(Arc::clone(self.cursor)));
        }
        match index {
            Some(index) => drop(std::mem::replace(&mut state.waiting[index].1, waker)),
            None => state.waiting.push_back((ticket, waker)),
        }
        Poll::Pending
    }

    /// Leaves the line.
    fn leave(&self) {
        let Some(ticket) = self.ticket.take() else {
            return;
        };
        let mut state = self.cursor.lock();
        let index = state.waiting.iter().position(|entry| entry.0 == ticket);
        let entry = index.and_then(|index| state.waiting.remove(index));
        // It may have been told that its turn has come: now it is the next one's.
        let next = state.next_waker();
        drop(state);
        drop(entry);
        wake(next);
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl State {
    /// Whose turn it is, if the cursor is there.
    fn next_waker(&self) -> Option<Waker> {
        let first = self.waiting.front().filter(|_| !self.is_taken);
        first.map(|entry| entry.1.clone())
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// The cursor, as long as somebody has it.
#[derive(Debug)]
pub(super) struct Taken(Arc<Cursor>);

impl Taken {
    pub(super) fn position(&self) -> u64 {
        self.0.lock().position
    }

    pub(super) fn set_position(&self, position: u64) {
        self.0.lock().position = position;
    }

    pub(super) fn advance(&self, n_bytes: usize) {
        self.0.lock().position += n_bytes as u64;
    }

    /// Keeps what was read from a stream for whoever reads next.
    pub(super) fn keep(&self, bytes: &[u8]) {
        self.0.lock().carry.extend(bytes);
    }

    /// Gives out what was kept; 0 if nothing was.
    pub(super) fn give_out(&self, buffer: &mut [u8]) -> usize {
        let mut state = self.0.lock();
        let n = io::Read::read(&mut state.carry, buffer);
        n.expect("memory can be read")
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_taken = false;
        let next = state.next_waker();
        drop(state);
        wake(next);
    }
}

/// Blocks the thread, which has no loop, until `poll` answers.
fn block_on<R>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<R>) -> R {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        if let Poll::Ready(result) = poll(&mut Context::from_waker(&waker)) {
            return result;
        }
        thread::park();
    }
}
