//! [`Queue`]: first in, first out.

use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use super::error::{GetError, NothingUnfinished, PutError};
use super::queue_core::Core;
use super::queue_methods::queue_methods;
use super::store::Fifo;

/// A first-in, first-out queue of items between tasks: asyncio's Queue.
///
/// Clones are the same queue. Waiting tasks are served in order: a later task never takes an item, or room, that
/// another waits for. A task that is cancelled after it was promised an item leaves the item in its place.
///
/// ```
/// use selvedge::sync::Queue;
///
/// let sum = selvedge::run(|| {
///     let queue = Queue::new(100);
///     let consumer = selvedge::spawn({
///         let queue = queue.clone();
///         move || {
///             let mut sum = 0;
///             while let Ok(n) = queue.get() {
///                 sum += n;
///             }
///             sum
///         }
///     });
///     for n in 1..=1000 {
///         queue.put(n).unwrap();
///     }
///     queue.shutdown();
///     consumer.join().unwrap()
/// });
/// assert_eq!(sum, 500_500);
/// ```
pub struct Queue<T>(Rc<Core<T, Fifo<T>>>);

queue_methods!(Queue, Fifo);
