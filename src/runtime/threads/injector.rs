//! [`Injector`]: messages from other threads to a loop, and the wake-up that goes with them.
//!
//! A message is pushed into a lock-free queue. The sleep flag says whether the loop sleeps and has to be notified. Closing
//! is exact: the loop drains every message that was pushed before, and every later one is handed back. Both protocols,
//! with their barriers, are in [`crate::util::sleep_flag`].

use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use std::thread::{self, ThreadId};

use crossbeam_queue::SegQueue;

use crate::sys::poller::Notifier;
use crate::sys::wait_fd::Direction;
use crate::util::fmt::impl_debug;
use crate::util::sleep_flag::{Gate, SleepFlag};

/// A message to a loop.
pub(crate) enum Message {
    /// Call this in the next iteration.
    Call(Box<dyn FnOnce() + Send>, &'static Location<'static>),
    /// Wake the wait with this number.
    Wake(u64),
    /// The socket with this token is gone.
    Forget(u64),
    /// This direction of the socket with this token was shut down.
    Shut(u64, Direction),
}

/// The queue of messages to a loop.
pub(crate) struct Injector {
    queue: SegQueue<Message>,
    sleep_flag: SleepFlag,
    gate: Gate,
    notifier: Notifier,
    /// Handles on other threads that may still send.
    n_handles: AtomicUsize,
    pub(crate) loop_id: u64,
    /// The loop's thread.
    pub(crate) thread: ThreadId,
}

impl Injector {
    pub(crate) fn new(loop_id: u64, notifier: Notifier) -> Arc<Self> {
        Arc::new(Self {
            queue: SegQueue::new(),
            sleep_flag: SleepFlag::new(),
            gate: Gate::new(),
            notifier,
            n_handles: AtomicUsize::new(0),
            loop_id,
            thread: thread::current().id(),
        })
    }

    /// Sends a message, from any thread.
    ///
    /// # Errors
    /// The message, if the loop is closed.
    pub(crate) fn push(&self, message: Message) -> Result<(), Message> {
        let Some(inside) = self.gate.enter() else {
            return Err(message);
        };
        self.queue.push(message);
        drop(inside);
        if self.sleep_flag.claim_wake_up() {
            self.notifier.notify();
        }
        Ok(())
    }

    /// The next message, for the loop.
    pub(crate) fn pop(&self) -> Option<Message> {
        self.queue.pop()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Number of messages.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Called by the loop before it sleeps: false if there is a message.
    pub(crate) fn prepare_to_sleep(&self) -> bool {
        self.sleep_flag.prepare_to_sleep(|| self.queue.is_empty())
    }

    /// Called by the loop after a sleep.
    pub(crate) fn awake(&self) {
        self.sleep_flag.set_awake();
    }

    /// Whether the loop is closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.gate.enter().is_none()
    }

    /// Refuses every further message. The loop can then drain the rest.
    pub(crate) fn close(&self) {
        self.gate.close();
    }

    pub(crate) fn n_handles(&self) -> usize {
        self.n_handles.load(SeqCst)
    }

    /// Counts a live handle; while any exists no deadlock is reported.
    pub(crate) fn add_handle(&self) {
        self.n_handles.fetch_add(1, SeqCst);
    }

    /// Uncounts a handle. A sleeping loop then checks for a deadlock again.
    pub(crate) fn remove_handle(&self) {
        if self.n_handles.fetch_sub(1, SeqCst) == 1 {
            self.notifier.notify();
        }
    }
}

impl_debug!(Injector, |this| { loop_id: this.loop_id, n_handles: this.n_handles() });
