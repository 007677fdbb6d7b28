//! Channels that cross threads: any number of senders and receivers, each in a task of any loop or on a plain
//! thread.
//!
//! An end notices where it is used. In a task it parks the task; on a thread without a loop it blocks the
//! thread. It may be used here now and there later.
//!
//! ```
//! use selvedge::sync::channel;
//! use std::thread;
//!
//! let (orders, work) = channel::bounded(10);
//! let (results, finished) = channel::unbounded();
//! // A thread that knows nothing of the loop:
//! let worker = thread::spawn(move || {
//!     for n in work {
//!         results.send(n * n).unwrap();
//!     }
//! });
//! let sum: u64 = selvedge::run(|| {
//!     selvedge::spawn(move || (1..=100_u64).for_each(|n| orders.send(n).unwrap())).detach();
//!     finished.iter().sum()
//! });
//! assert_eq!(sum, 338_350);
//! worker.join().unwrap();
//! ```
//!
//! Between the tasks of one loop a [`Queue`](super::Queue) is several times as fast, and fair. Here the order of
//! those who wait is kept as far as threads have one: whoever is called first may find that another, who did not wait, was
//! faster; it keeps its place then.
//!
//! As long as a task waits at an end, other ends exist, and may be on any thread: its loop does not take such a task for
//! deadlocked.

mod end;
mod end_methods;
mod error;
mod receiver;
mod sender;
mod shared;

pub use error::{RecvError, SendError};
pub use receiver::{IntoIter, Iter, Receiver, TryIter};
pub use sender::Sender;

use shared::Shared;

/// A channel that holds so many items at most.
///
/// ```
/// let (sender, receiver) = selvedge::sync::channel::bounded(1);
/// sender.send('a').unwrap();
/// let refused = sender.try_send('b').unwrap_err();
/// assert!(refused.is_full());
/// assert_eq!(refused.into_inner(), 'b');
/// assert_eq!(receiver.recv(), Ok('a'));
/// ```
///
/// # Panics
/// If it is to hold none: each item is in the channel for a moment. If so many items fit into no
/// memory; room for all of them is allocated now.
#[must_use]
#[track_caller]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(
        capacity > 0,
        "selvedge: a channel holds at least one item, because sender and receiver need not be there at \
         the same time; use a capacity of 1"
    );
    let size = size_of::<(usize, T)>().checked_mul(capacity);
    assert!(
        size.is_some_and(|size| size <= isize::MAX as usize),
        "selvedge: a channel for {capacity} items fits into no memory; use a smaller capacity, or \
         `unbounded`"
    );
    pair(Shared::bounded(capacity))
}

/// A channel that holds any number of items.
///
/// ```
/// let (sender, receiver) = selvedge::sync::channel::unbounded();
/// for n in 0..1000 {
///     sender.send(n).unwrap();
/// }
/// drop(sender);
/// assert_eq!(receiver.iter().count(), 1000);
/// assert!(receiver.recv().unwrap_err().is_disconnected());
/// ```
#[must_use]
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    pair(Shared::unbounded())
}

fn pair<T>(shared: Shared<T>) -> (Sender<T>, Receiver<T>) {
    let shared = std::sync::Arc::new(shared);
    (Sender::new(&shared), Receiver::new(&shared))
}
