//! [`PriorityQueue`]: the smallest item first.

use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use super::error::{GetError, NothingUnfinished, PutError};
use super::queue_core::Core;
use super::queue_methods::queue_methods;
use super::store::Smallest;

/// A queue whose smallest item comes out first: asyncio's PriorityQueue. Equal items come out in the order in
/// which they were put in. It is otherwise like [`Queue`](super::Queue).
///
/// The queue calls `Ord` like a callback: `Ord` can neither wait nor use the queue, and panics if it tries.
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
