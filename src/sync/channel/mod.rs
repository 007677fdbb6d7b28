//! Channels that cross threads: any number of senders and receivers, each in a task of any loop or on a plain
//! thread.
//!
//! A channel's end parks the task that uses it; on a thread without a loop it blocks the thread. It may be used by a
//! task first and by a plain thread later.
//!
//! ```
//! use selvedge::sync::channel;
//! use std::thread;
//!
//! let (orders, work) = channel::bounded(10);
//! let (results, finished) = channel::unbounded();
//! // A plain thread, without a loop:
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
//! A waiting end can't detect that the last other end belongs to a task that will never use it, for example to the
//! waiting task itself. Drop ends that are not used, or use `recv_timeout` and `send_timeout`.
//!
//! Between the tasks of one loop a [`Queue`](super::Queue) is several times as fast, and fair. A channel keeps the order
//! of waiting ends as far as threads have one: an end that is woken first may find that another, which did not wait, was
//! faster; then it keeps its place.
//!
//! While a task waits at an end, other ends exist, perhaps on other threads, so its loop does not count the task as
//! deadlocked.

mod end;
mod end_methods;
mod error;
mod receiver;
mod sender;
mod shared;
mod when_received;

pub use error::{RecvError, SendError};
pub use receiver::{IntoIter, Iter, Receiver, TryIter};
pub use sender::Sender;

use shared::Shared;

/// Creates a channel that holds at most `capacity` items.
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
/// If the capacity is 0, because each item is in the channel for a moment; or if the items would fit into no
/// memory. Room for all of them is allocated at once.
#[must_use]
#[track_caller]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(
        capacity > 0,
        "selvedge: a channel needs a capacity of at least 1, because sender and receiver need not meet; for \
         any number of items use `unbounded`"
    );
    let size = size_of::<(usize, T)>().checked_mul(capacity);
    assert!(
        size.is_some_and(|size| size <= isize::MAX as usize),
        "selvedge: a channel for {capacity} items fits into no memory; use a smaller capacity, or \
         `unbounded`"
    );
    pair(Shared::bounded(capacity))
}

/// Creates a channel without a limit.
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
