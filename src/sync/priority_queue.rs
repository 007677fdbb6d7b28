//! [`PriorityQueue`]: the smallest item first.

use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use super::error::{GetError, NothingUnfinished, PutError};
use super::methods::queue_methods;
use super::queue_core::Core;
use super::store::Smallest;

/// A queue that gives out its smallest item: asyncio's PriorityQueue. Of equal items the one that
/// was put in first comes first. Otherwise it is as [`Queue`](super::Queue).
///
/// `Ord` is called in the middle of the queue's work, as a callback is: it can't wait, nor use
/// the queue, and panics with a sentence if it tries.
///
/// ```
/// use std::cmp::Reverse;
/// use selvedge::sync::PriorityQueue;
///
/// let queue = PriorityQueue::unbounded();
/// for job in [(2, "wash"), (1, "spin"), (3, "dye")] {
///     queue.try_put(job).unwrap();
/// }
/// assert_eq!(queue.try_get(), Ok((1, "spin")));
///
/// // The largest first:
/// let queue = PriorityQueue::unbounded();
/// queue.try_put(Reverse(5)).unwrap();
/// queue.try_put(Reverse(9)).unwrap();
/// assert_eq!(queue.try_get(), Ok(Reverse(9)));
/// ```
pub struct PriorityQueue<T>(Rc<Core<T, Smallest<T>>>);

queue_methods!(PriorityQueue, Smallest, Ord);
