//! [`Cursor`]: the position in a file where the next read or write begins. The position belongs to the
//! file and its clones instead of the open file description, so that a cancelled operation does not move
//! it.
//!
//! An operation *acquires* the cursor. Further operations queue, from tasks of any loop and from threads
//! without one. The guard may move into a job: a write that was cancelled after a thread had started it
//! advances the cursor at its end, and releases it only then.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use crate::error::WaitError;
use crate::runtime::threads::{block_thread, waker_registry};
use crate::runtime::wait::task_context;
use crate::util::lock::lock;

/// A cursor, shared by the clones of a file.
#[derive(Debug)]
pub(super) struct Cursor(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    position: u64,
    /// Bytes that a job read from a stream for an operation that was cancelled.
    stored: VecDeque<u8>,
    is_acquired: bool,
    n_tickets: u64,
    /// In the order of arrival, each with its ticket.
    waiters: VecDeque<(u64, Waker)>,
}

impl Cursor {
    pub(super) fn new(position: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            position,
            ..State::default()
        })))
    }

    /// May suspend. Acquires the cursor, and waits while another operation holds it.
    ///
    /// # Errors
    /// `WouldBlock` if the cursor is held and nothing can wait: in a callback, while panicking.
    pub(super) fn acquire(self: &Arc<Self>) -> io::Result<CursorGuard> {
        if let Some(guard) = self.try_acquire() {
            return Ok(guard);
        }
        let waiter = Waiter {
            cursor: self,
            ticket: Cell::new(None),
        };
        match task_context() {
            Ok(here) => waker_registry::wait_io(
                here,
                &"another operation on the same file",
                &|| waiter.leave(),
                |context| waiter.poll(context),
            ),
            Err(WaitError::NoLoop) => {
                let guard = block_thread(None, |context| waiter.poll(context));
                Ok(guard.expect("without a timeout it waits until it is ready"))
            }
            Err(why) => Err(io::Error::new(io::ErrorKind::WouldBlock, why.sentence())),
        }
    }

    fn try_acquire(self: &Arc<Self>) -> Option<CursorGuard> {
        let mut state = lock(&self.0);
        if state.is_acquired || !state.waiters.is_empty() {
            return None;
        }
        state.is_acquired = true;
        Some(CursorGuard(Arc::clone(self)))
    }
}

/// An operation that waits for the cursor.
struct Waiter<'a> {
    cursor: &'a Arc<Cursor>,
    /// Its ticket, once it has queued.
    ticket: Cell<Option<u64>>,
}

impl Waiter<'_> {
    fn poll(&self, context: &mut Context<'_>) -> Poll<CursorGuard> {
        let waker = context.waker().clone();
        let mut state = lock(&self.cursor.0);
        let ticket = self.ticket.get().unwrap_or_else(|| {
            state.n_tickets += 1;
            state.n_tickets
        });
        self.ticket.set(Some(ticket));
        let index = state.index_of(ticket);
        let is_first = index.unwrap_or(state.waiters.len()) == 0;
        if !state.is_acquired && is_first {
            let entry = index.and_then(|index| state.waiters.remove(index));
            state.is_acquired = true;
            drop(state);
            drop((entry, waker));
            return Poll::Ready(CursorGuard(Arc::clone(self.cursor)));
        }
        match index {
            Some(index) => drop(std::mem::replace(&mut state.waiters[index].1, waker)),
            None => state.waiters.push_back((ticket, waker)),
        }
        Poll::Pending
    }

    /// Leaves the queue.
    fn leave(&self) {
        let Some(ticket) = self.ticket.take() else {
            return;
        };
        let mut state = lock(&self.cursor.0);
        let index = state.index_of(ticket);
        let entry = index.and_then(|index| state.waiters.remove(index));
        // This waiter may have been woken already: then the next one has to be woken instead.
        let next = state.next_waker();
        drop(state);
        drop(entry);
        next.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl State {
    fn index_of(&self, ticket: u64) -> Option<usize> {
        self.waiters.iter().position(|entry| entry.0 == ticket)
    }

    /// The first waiter's waker, if the cursor is free.
    fn next_waker(&self) -> Option<Waker> {
        let first = self.waiters.front().filter(|_| !self.is_acquired);
        first.map(|entry| entry.1.clone())
    }
}

/// The acquired cursor. Dropping the guard releases the cursor and wakes the next waiter.
#[derive(Debug)]
pub(super) struct CursorGuard(Arc<Cursor>);

impl CursorGuard {
    pub(super) fn position(&self) -> u64 {
        lock(&self.0.0).position
    }

    pub(super) fn set_position(&self, position: u64) {
        lock(&self.0.0).position = position;
    }

    pub(super) fn advance(&self, n_bytes: usize) {
        lock(&self.0.0).position += n_bytes as u64;
    }

    /// Stores bytes that were read from a stream.
    pub(super) fn store(&self, bytes: &[u8]) {
        lock(&self.0.0).stored.extend(bytes);
    }

    /// Removes stored bytes into a buffer; returns 0 if there are none.
    pub(super) fn read_stored(&self, buffer: &mut [u8]) -> usize {
        let mut state = lock(&self.0.0);
        let n = io::Read::read(&mut state.stored, buffer);
        n.expect("reading from memory never fails")
    }
}

impl Drop for CursorGuard {
    fn drop(&mut self) {
        let mut state = lock(&self.0.0);
        state.is_acquired = false;
        let next = state.next_waker();
        drop(state);
        next.into_iter().for_each(Waker::wake);
    }
}
